import {
  type DocumentNode,
  type ObjectReader,
  type ReadContext,
  readObject,
  readString,
  reportAt,
} from "./document/index.ts";
import { checkDns1123Label, checkDns1123Subdomain, checkLabelValue, checkQualifiedName } from "./kubernetes-names.ts";

export type Labels = Readonly<Record<string, string>>;

export interface ObjectMetadata {
  readonly name: string;
  /** Absent when the manifest leaves it to whoever applies it, and for kinds without namespace. */
  readonly namespace?: string;
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: Date;
}

/** Kubernetes' ObjectMeta with Kubernetes' checks; what only an API server uses is known and skipped. */
export function readMetadata(node: DocumentNode, context: ReadContext): ObjectMetadata | undefined {
  const reader = readObject(node, context);
  reader.ignore(UNUSED_FIELDS);
  // An API server invents the rest of the name; a file that is applied twice would then make two objects.
  if (reader.has("generateName") && !reader.has("name"))
    reader.report("SYM0103", "generateName is not supported: wanted a name", "name");
  reader.ignore(["generateName"]);
  const name = reader.has("generateName")
    ? (reader.string("name", { check: checkDns1123Subdomain, code: "SYM0203" }) ?? "")
    : reader.string("name", { required: true, check: checkDns1123Subdomain, code: "SYM0203" });
  const namespace = reader.string("namespace", { check: checkDns1123Label, code: "SYM0204" });
  const labels = readLabels(reader, "labels");
  const annotations = readAnnotations(reader);
  const uid = reader.string("uid");
  const resourceVersion = reader.string("resourceVersion");
  const generation = reader.integer("generation", { min: 0 });
  const creationTimestamp = readTimestamp(reader);
  return reader.finish(() => ({
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels,
    annotations,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  }));
}

/** A map of labels (`metadata.labels`, a Service's `selector`, `matchLabels` of a Deployment). */
export function readLabels(reader: ObjectReader, field: string): Labels {
  const labels = reader.map(field, (entry, context) => {
    const broken = checkQualifiedName(entry.key);
    if (broken !== undefined)
      reportAt(context, "SYM0205", entry.keyPosition, `invalid label key ${JSON.stringify(entry.key)}: ${broken}`);
    return readString(entry.value, context, { check: checkLabelValue, code: "SYM0205" });
  });
  return Object.fromEntries(labels ?? []);
}

function readAnnotations(reader: ObjectReader): Labels {
  let size = 0;
  const annotations = reader.map("annotations", (entry, context) => {
    // Kubernetes checks annotation keys in lower case.
    const broken = checkQualifiedName(entry.key.toLowerCase());
    if (broken !== undefined)
      reportAt(context, "SYM0206", entry.keyPosition, `invalid annotation key ${JSON.stringify(entry.key)}: ${broken}`);
    const value = readString(entry.value, context);
    size += entry.key.length + (value?.length ?? 0);
    return value;
  });
  if (size > MAX_ANNOTATIONS_SIZE)
    reader.report("SYM0206", `annotations size ${size} is larger than limit ${MAX_ANNOTATIONS_SIZE}`, "annotations");
  return Object.fromEntries(annotations ?? []);
}

function readTimestamp(reader: ObjectReader): Date | undefined {
  const text = reader.string("creationTimestamp", { nullable: true });
  if (text === undefined) return undefined;
  const time = RFC_3339.test(text) ? new Date(text) : undefined;
  if (time !== undefined && !Number.isNaN(time.getTime())) return time;
  reader.report(
    "SYM0207",
    `invalid time ${JSON.stringify(text)}: wanted RFC 3339, like 2006-01-02T15:04:05Z`,
    "creationTimestamp",
  );
  return undefined;
}

const UNUSED_FIELDS = [
  "clusterName",
  "deletionGracePeriodSeconds",
  "deletionTimestamp",
  "finalizers",
  "managedFields",
  "ownerReferences",
  "selfLink",
];
const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[-+]\d{2}:\d{2})$/;
const MAX_ANNOTATIONS_SIZE = 256 * 1024;
