import type { ClientTls } from "./client-tls.ts";
import type { DestinationRule, DestinationSubset, TrafficTls } from "./destination-rule.ts";
import {
  createFindingCollector,
  type DocumentNode,
  describeNode,
  type ObjectReader,
  type ParseResult,
  parseResult,
  type ReadContext,
  readObject,
  readString,
} from "./document/index.ts";
import { checkDns1123Label } from "./kubernetes-names.ts";
import type { ObjectEnvelope } from "./object-envelope.ts";
import { readLabels } from "./object-metadata.ts";
import { type PolicyOptions, readPolicyHead } from "./policy-head.ts";
import { readClientTls } from "./read-client-tls.ts";
import { refuseNullFields } from "./refuse-null-fields.ts";
import { readSelector } from "./selector.ts";

/** Any error anywhere refuses the object as a whole; a field without value is one, as in `parseAuthorizationPolicy`. */
export function parseDestinationRule(
  envelope: ObjectEnvelope,
  options: PolicyOptions = {},
): ParseResult<DestinationRule> {
  const collector = createFindingCollector();
  const head = readPolicyHead(envelope, "DestinationRule", { ...options, collector, dryRun: "read-by-kind" });
  const { reader: root, identity } = head;
  const node = root.node("spec");
  const context = { collector, path: "spec" };
  // Without spec there is no host either, and that is what is wrong.
  const spec = readSpec(
    readObject(refuseNullFields(node ?? { kind: "map", position: envelope.position, entries: [] }, context), context),
    identity.namespace,
  );
  const rule = root.finish(() => spec && Object.freeze({ kind: "DestinationRule" as const, ...identity, ...spec }));
  return parseResult(rule, collector);
}

type Spec = Pick<
  DestinationRule,
  "host" | "exportTo" | "workloadSelector" | "hasTrafficPolicy" | "traffic" | "subsets"
>;

function readSpec(reader: ObjectReader, namespace: string): Spec | undefined {
  const host = readHost(reader);
  const exportTo = reader.list("exportTo", (node, at) => readString(node, at, { check: checkExport })) ?? [];
  const workloadSelector = readSelector(reader, "workloadSelector");
  const traffic = reader.object("trafficPolicy", (policy) => readTraffic(policy, namespace));
  const names = new Set<string>();
  const subsets = reader.list("subsets", (node, at) => readSubset(node, at, { names, namespace })) ?? [];
  return reader.finish(() => ({
    host,
    exportTo,
    ...(workloadSelector ? { workloadSelector } : {}),
    hasTrafficPolicy: traffic !== undefined,
    traffic: traffic ?? NO_TLS,
    subsets,
  }));
}

function readHost(reader: ObjectReader): string {
  const host = reader.string("host");
  if (host === undefined && reader.has("host")) return "";
  if (host === undefined || host === "")
    reader.report("SYM0701", "empty domain name not allowed", host === "" ? "host" : undefined);
  else if (!isHost(host)) reader.report("SYM0701", `domain name ${JSON.stringify(host)} invalid`, "host");
  return host ?? "";
}

/** A DNS name whose first label may be a wildcard or begin with one: `*`, `*.example.com`, `*-api.example.com`. */
function isHost(host: string): boolean {
  const [first = "", ...rest] = host.split(".");
  const isLabel = (label: string) => /^[A-Za-z0-9_](?:[-_A-Za-z0-9]{0,61}[A-Za-z0-9_])?$/.test(label);
  const isFirst = first === "*" || isLabel(first.replace(/^\*-?/, ""));
  return (
    host.length <= 255 &&
    isFirst &&
    rest.every((label, index) => isLabel(label) || (label === "" && index === rest.length - 1))
  );
}

function checkExport(value: string): string | undefined {
  return value === "." || value === "*" ? undefined : checkDns1123Label(value);
}

function readTraffic(reader: ObjectReader, namespace: string): TrafficTls | undefined {
  const readTls = (tls: ObjectReader) => readClientTls(tls, namespace);
  const tls = reader.object("tls", readTls);
  const ports = new Map<number, { readonly tls?: ClientTls }>();
  reader.list(
    "portLevelSettings",
    (node, at) => {
      const setting = readObject(node, at);
      const port = readPort(setting);
      const portTls = setting.object("tls", readTls);
      readOtherFields(setting, SHARED_FIELDS);
      if (port !== 0 && ports.has(port)) setting.report("SYM0709", `port ${port} has settings already`, "port");
      ports.set(port, portTls ? { tls: portTls } : {});
      return setting.finish(() => port);
    },
    { max: 4096 },
  );
  readOtherFields(reader, POLICY_FIELDS);
  const isEmpty = ![...POLICY_FIELDS, "tls", "portLevelSettings"].some((field) => reader.has(field));
  if (isEmpty && !reader.hasErrors) reader.report("SYM0711", "traffic policy must have at least one field");
  return reader.finish(() => ({ ...(tls ? { tls } : {}), ports }));
}

function readPort(setting: ObjectReader): number {
  const options = { required: true, min: 1, max: 65535, code: "SYM0709", rangeMessage: PORT_RANGE } as const;
  const read = (port: ObjectReader) => {
    const written = port.integer("number", options);
    return port.finish(() => written);
  };
  return setting.object("port", read, { required: true }) ?? 0;
}

/** What has no part in TLS: that it is an object is all that is looked at. */
function readOtherFields(reader: ObjectReader, fields: readonly string[]): void {
  for (const field of fields) {
    const node = reader.node(field);
    if (!node) continue;
    if (node.kind !== "map") reader.report("SYM0102", `must be an object, got ${describeNode(node)}`, field);
    else if (field === "connectionPool" && node.entries.length === 0)
      reader.report("SYM0708", "connection pool must have at least one field", field);
  }
}

function readSubset(
  node: DocumentNode,
  context: ReadContext,
  { names, namespace }: { readonly names: Set<string>; readonly namespace: string },
): DestinationSubset | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name") ?? "";
  if (!reader.hasErrors) {
    const broken = name === "" ? undefined : checkDns1123Label(name);
    if (name === "") reader.report("SYM0702", "subset name cannot be empty", reader.has("name") ? "name" : undefined);
    else if (broken !== undefined) reader.report("SYM0702", `subset name is invalid: ${broken}`, "name");
    else if (names.has(name)) reader.report("SYM0703", `duplicate subset names: ${name}`, "name");
    names.add(name);
  }
  const labels = readLabels(reader, "labels");
  const traffic = reader.object("trafficPolicy", (policy) => readTraffic(policy, namespace));
  return reader.finish(() => ({ name, position: node.position, labels, traffic: traffic ?? NO_TLS }));
}

const NO_TLS: TrafficTls = { ports: new Map() };
const PORT_RANGE = "port must be in range 1..65535";
const SHARED_FIELDS = ["connectionPool", "loadBalancer", "outlierDetection"];
const POLICY_FIELDS = [...SHARED_FIELDS, "proxyProtocol", "retryBudget", "tunnel"];
