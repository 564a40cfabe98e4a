import {
  checkDns1123Label,
  checkPortName,
  checkQualifiedName,
  type DocumentNode,
  fieldContext,
  type ObjectReader,
  type ReadContext,
  readLabels,
  readObject,
} from "@symbolon/policy";
import { ipv4ToNumber } from "./ipv4.ts";
import type { ServiceObject, ServicePort, ServiceType } from "./manifest-objects.ts";
import { reportMesh } from "./mesh-finding.ts";
import type { ObjectMeta } from "./object.ts";
import { isKnownAppProtocol, KNOWN_APP_PROTOCOLS } from "./port-protocol.ts";
import { readProtocol } from "./read-container.ts";
import { duplicates } from "./read-pod-spec.ts";

const MAX_PORT = 65535;
const TYPES = {
  ClusterIP: "ClusterIP",
  NodePort: "NodePort",
  LoadBalancer: "LoadBalancer",
  ExternalName: "ExternalName",
} as const;
const OUTSIDE_ONLY = [
  "allocateLoadBalancerNodePorts",
  "externalTrafficPolicy",
  "healthCheckNodePort",
  "loadBalancerClass",
  "loadBalancerIP",
  "sessionAffinityConfig",
  "trafficDistribution",
  "internalTrafficPolicy",
];

export function readService(spec: DocumentNode, context: ReadContext, meta: ObjectMeta): ServiceObject | undefined {
  const reader = readObject(spec, context);
  const type = readType(reader, context);
  const selector = readLabels(reader, "selector");
  let written = 0;
  const readPort = (node: DocumentNode, at: ReadContext): ServicePort | undefined => {
    written += 1;
    return readServicePort(node, at);
  };
  const ports = reader.list("ports", readPort) ?? [];
  const clusterIp = readClusterIp(reader, context);
  if (clusterIp !== "none" && written === 0)
    reader.report("SYM0103", "required field is missing: a Service has at least one port", "ports");
  checkPorts(ports, reader, context);
  const publishNotReadyAddresses = reader.boolean("publishNotReadyAddresses") ?? false;
  const affinity = reader.enumeration("sessionAffinity", { None: "none", ClientIP: "client" } as const);
  if (affinity === "client")
    reader.report("SYM0108", "has no effect here: connections are balanced one by one", "sessionAffinity");
  readFamilies(reader);
  reader.ignore(
    ["externalIPs", "loadBalancerSourceRanges"],
    "has no effect here: nothing is reachable from outside the mesh",
  );
  reader.ignore(OUTSIDE_ONLY);
  return reader.finish(() => ({
    kind: "Service" as const,
    meta,
    type,
    selector,
    ports,
    clusterIp,
    publishNotReadyAddresses,
  }));
}

function readType(reader: ObjectReader, context: ReadContext): ServiceType {
  const type = reader.enumeration("type", TYPES) ?? "ClusterIP";
  if (type === "NodePort" || type === "LoadBalancer")
    reader.report("SYM0108", `${type} is read as ClusterIP: nothing is reachable from outside the mesh`, "type");
  reader.ignore(["externalName"]);
  if (type !== "ExternalName") return type;
  reportMesh(fieldContext(context, "type"), "SYM2004", reader.positionOf("type"), "ExternalName is not supported");
  return "ClusterIP";
}

function readServicePort(node: DocumentNode, context: ReadContext): ServicePort | undefined {
  const reader = readObject(node, context);
  const name = reader.string("name", { check: checkDns1123Label });
  const port = reader.integer("port", { required: true, min: 1, max: MAX_PORT });
  const protocol = readProtocol(reader, context);
  if (protocol === "udp") reader.report("SYM0108", "UDP is not proxied: the port has no effect here", "protocol");
  const appProtocol = reader.string("appProtocol", { check: checkQualifiedName });
  if (appProtocol !== undefined && protocol === "tcp" && !isKnownAppProtocol(appProtocol))
    reader.report(
      "SYM0108",
      `"${appProtocol}" has no effect here: the first bytes of a connection decide; ${KNOWN_APP_PROTOCOLS.join(", ")} would be known`,
      "appProtocol",
    );
  const targetPort = reader.integerOrString("targetPort", {
    integer: { min: 1, max: MAX_PORT },
    string: { check: checkPortName },
  });
  reader.ignore(["nodePort"]);
  return reader.finish(() => ({
    ...(name === undefined ? {} : { name }),
    port,
    protocol,
    ...(appProtocol === undefined ? {} : { appProtocol }),
    targetPort: targetPort ?? port,
  }));
}

/** Kubernetes' rules for several ports: each has a name, and no two share a name or a number. */
function checkPorts(ports: readonly ServicePort[], reader: ObjectReader, context: ReadContext): void {
  const at = fieldContext(context, "ports");
  if (ports.length > 1 && ports.some((port) => port.name === undefined))
    reader.report("SYM0103", "each port needs a name when there are several", "ports");
  for (const name of duplicates(ports.flatMap((port) => port.name ?? [])))
    reportMesh(at, "SYM2102", reader.positionOf("ports"), `two ports are named "${name}"`);
  for (const port of duplicates(ports.map(({ port, protocol }) => `${port}/${protocol}`)))
    reportMesh(at, "SYM2102", reader.positionOf("ports"), `port ${port} is declared twice`);
}

function readClusterIp(reader: ObjectReader, context: ReadContext): ServiceObject["clusterIp"] {
  reader.ignore(["clusterIPs"]);
  const text = reader.string("clusterIP");
  if (text === undefined || text === "") return "auto";
  if (text === "None") return "none";
  if (ipv4ToNumber(text) !== undefined) return { address: text };
  reportMesh(
    fieldContext(context, "clusterIP"),
    "SYM2202",
    reader.positionOf("clusterIP"),
    `"${text}" is neither "None" nor an IPv4 address`,
  );
  return "auto";
}

/** Pods have IPv4 addresses alone; a Service that asks for IPv6 still works, over IPv4. */
function readFamilies(reader: ObjectReader): void {
  const families =
    reader.strings("ipFamilies", {
      check: (text) => (text === "IPv4" || text === "IPv6" ? undefined : "must be IPv4 or IPv6"),
    }) ?? [];
  const policy = reader.enumeration("ipFamilyPolicy", {
    SingleStack: "single",
    PreferDualStack: "prefer",
    RequireDualStack: "require",
  } as const);
  if (families.includes("IPv6"))
    reader.report("SYM0108", "IPv6 has no effect here: pods and Services have IPv4 addresses", "ipFamilies");
  else if (policy === "require")
    reader.report("SYM0108", "has no effect here: pods and Services have IPv4 addresses", "ipFamilyPolicy");
}
