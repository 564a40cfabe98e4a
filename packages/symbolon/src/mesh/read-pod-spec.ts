import {
  checkDns1123Label,
  type DocumentNode,
  fieldContext,
  type ObjectReader,
  type ReadContext,
  readObject,
} from "@symbolon/policy";
import type { ContainerTemplate, PodTemplate } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import { readContainer, refuse } from "./read-container.ts";

export type PodSpec = Pick<PodTemplate, "serviceAccount" | "terminationGracePeriodSeconds" | "containers">;

export interface PodSpecRules {
  readonly explainUnknownImage: (image: string) => string | undefined;
  /** Deployments restart their pods always; a Pod may say otherwise. */
  readonly restartPolicies: readonly string[];
}

const DEFAULT_GRACE_PERIOD_SECONDS = 30;

/** Fields that concern a cluster's scheduling, images or machines and mean nothing on one machine. */
const WITHOUT_MEANING = [
  "affinity",
  "automountServiceAccountToken",
  "dnsPolicy",
  "enableServiceLinks",
  "imagePullSecrets",
  "nodeName",
  "nodeSelector",
  "os",
  "overhead",
  "preemptionPolicy",
  "priority",
  "priorityClassName",
  "resources",
  "runtimeClassName",
  "schedulerName",
  "setHostnameAsFQDN",
  "tolerations",
  "topologySpreadConstraints",
];

export function readPodSpec(node: DocumentNode, context: ReadContext, rules: PodSpecRules): PodSpec | undefined {
  const reader = readObject(node, context);
  const volumeNames = new Set(reader.list("volumes", readVolume) ?? []);
  const containerRules = { explainUnknownImage: rules.explainUnknownImage, volumeNames };
  const containers =
    reader.list("containers", (item, at) => readContainer(item, at, containerRules), { required: true, min: 1 }) ?? [];
  reportDuplicates(reader, context, containers);
  const older = reader.string("serviceAccount");
  // An empty name is Go's absent one.
  const serviceAccount = reader.string("serviceAccountName") || older || "default";
  const terminationGracePeriodSeconds =
    reader.integer("terminationGracePeriodSeconds", { min: 0, max: 2 ** 31 - 1 }) ?? DEFAULT_GRACE_PERIOD_SECONDS;
  const policies = Object.fromEntries(rules.restartPolicies.map((word) => [word, word]));
  const restartPolicy = reader.enumeration("restartPolicy", policies) ?? "Always";
  if (restartPolicy !== "Always")
    reader.report("SYM0108", "has no effect here: containers are restarted whenever they end", "restartPolicy");

  refuse(reader, context, ["initContainers", "ephemeralContainers"], "are not supported here");
  refuse(reader, context, ["readinessGates", "schedulingGates", "resourceClaims"], "are not supported here");
  for (const name of ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"])
    if (reader.boolean(name) === true)
      reportMesh(
        fieldContext(context, name),
        "SYM2004",
        reader.positionOf(name),
        `${name} is not supported: pods are isolated from the host`,
      );
  reader.ignore(
    ["securityContext"],
    "has no effect here: containers run as the user who started the mesh, without capabilities",
  );
  reader.ignore(["hostAliases", "dnsConfig", "hostname", "subdomain", "hostUsers"], "has no effect here");
  reader.ignore(["activeDeadlineSeconds"], "has no effect here: pods run until they are deleted");
  reader.ignore(WITHOUT_MEANING);
  return reader.finish(() => ({ serviceAccount, terminationGracePeriodSeconds, containers }));
}

/** Kubernetes refuses equal names, and equal port names or numbers within one container; here a pod has one network too. */
function reportDuplicates(reader: ObjectReader, context: ReadContext, containers: readonly ContainerTemplate[]): void {
  const at = fieldContext(context, "containers");
  const report = (what: string) => reportMesh(at, "SYM2102", reader.positionOf("containers"), what);
  for (const name of duplicates(containers.map((container) => container.name)))
    report(`two containers are named "${name}"`);
  for (const container of containers) {
    for (const name of duplicates(container.ports.flatMap((port) => port.name ?? [])))
      report(`container "${container.name}" has two ports named "${name}"`);
  }
  const ports = containers.flatMap((container) =>
    container.ports.map((port) => `${port.containerPort}/${port.protocol}`),
  );
  for (const port of duplicates(ports)) report(`port ${port} is declared twice; a pod has one port of a number`);
}

export function duplicates(values: readonly string[]): readonly string[] {
  return [...new Set(values.filter((value, index) => values.indexOf(value) !== index))];
}

/** Kinds of volume, and whether a pod can do without: nothing is mounted here. */
const OPTIONAL_VOLUMES = ["secret", "configMap"];
const EMPTY_VOLUMES = ["emptyDir"];
const OTHER_VOLUMES = [
  "azureDisk",
  "azureFile",
  "cephfs",
  "cinder",
  "csi",
  "downwardAPI",
  "ephemeral",
  "fc",
  "flexVolume",
  "gcePersistentDisk",
  "gitRepo",
  "glusterfs",
  "hostPath",
  "image",
  "iscsi",
  "nfs",
  "persistentVolumeClaim",
  "portworxVolume",
  "projected",
  "quobyte",
  "rbd",
  "scaleIO",
  "storageos",
  "awsElasticBlockStore",
  "vsphereVolume",
];

function readVolume(node: DocumentNode, context: ReadContext): string | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { required: true, check: checkDns1123Label });
  reader.ignore(EMPTY_VOLUMES, "is not mounted: the container sees the machine's own files at that path");
  for (const kind of OPTIONAL_VOLUMES) {
    const source = reader.node(kind);
    if (source === undefined) continue;
    const optional =
      source.kind === "map" &&
      source.entries.some(({ key, value }) => key === "optional" && value.kind === "boolean" && value.value);
    if (optional) reader.report("SYM0108", "is optional and left out: nothing is mounted", kind);
    else
      reportMesh(
        fieldContext(context, kind),
        "SYM2004",
        source,
        `a required ${kind} volume is not supported: nothing can be mounted; add "optional: true" if the program can do without`,
      );
  }
  refuse(reader, context, OTHER_VOLUMES, "volumes are not supported: nothing can be mounted");
  reader.finish(() => name);
  // Also of a volume that is refused: a mount of it is not a second mistake.
  return name === "" ? undefined : name;
}
