import type { PresentedObject } from "../../../mesh/index.ts";
import { formatAge } from "./age.ts";

export interface Column {
  readonly header: string;
  /** Shown with `-o wide` only. */
  readonly wide?: true;
  cell(object: PresentedObject, now: Date): string;
}

const NAME: Column = { header: "NAME", cell: (object) => object.metadata.name };
const AGE: Column = { header: "AGE", cell: (object, now) => formatAge(object.metadata.creationTimestamp, now) };

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Namespace: [NAME, { header: "STATUS", cell: (object) => text(read(object, "status", "phase"), "Active") }, AGE],
  ServiceAccount: [NAME, { header: "SECRETS", cell: () => "0" }, AGE],
  Service: [
    NAME,
    { header: "TYPE", cell: (object) => text(read(object, "spec", "type"), "ClusterIP") },
    { header: "CLUSTER-IP", cell: (object) => text(read(object, "spec", "clusterIP"), "<none>") },
    {
      header: "EXTERNAL-IP",
      cell: (object) => (read(object, "spec", "type") === "LoadBalancer" ? "<pending>" : "<none>"),
    },
    { header: "PORT(S)", cell: servicePorts },
    AGE,
    { header: "SELECTOR", wide: true, cell: (object) => pairs(read(object, "spec", "selector")) },
  ],
  Deployment: [
    NAME,
    {
      header: "READY",
      cell: (object) => `${count(object, "readyReplicas")}/${text(read(object, "spec", "replicas"), "1")}`,
    },
    { header: "UP-TO-DATE", cell: (object) => count(object, "updatedReplicas") },
    { header: "AVAILABLE", cell: (object) => count(object, "availableReplicas") },
    AGE,
    { header: "CONTAINERS", wide: true, cell: (object) => templateContainers(object, "name") },
    { header: "IMAGES", wide: true, cell: (object) => templateContainers(object, "image") },
    { header: "SELECTOR", wide: true, cell: (object) => pairs(read(object, "spec", "selector", "matchLabels")) },
  ],
  Pod: [
    NAME,
    { header: "READY", cell: podReady },
    { header: "STATUS", cell: podStatus },
    { header: "RESTARTS", cell: podRestarts },
    AGE,
    { header: "IP", wide: true, cell: (object) => text(read(object, "status", "podIP"), "<none>") },
    { header: "NODE", wide: true, cell: (object) => text(read(object, "spec", "nodeName"), "<none>") },
    { header: "NOMINATED NODE", wide: true, cell: () => "<none>" },
    { header: "READINESS GATES", wide: true, cell: () => "<none>" },
  ],
  PeerAuthentication: [NAME, { header: "MODE", cell: (object) => text(read(object, "spec", "mtls", "mode"), "") }, AGE],
  ConfigMap: [NAME, { header: "DATA", cell: (object) => String(Object.keys(object.data ?? {}).length) }, AGE],
  AuthorizationPolicy: [NAME, { header: "ACTION", cell: (object) => text(read(object, "spec", "action"), "") }, AGE],
  ClusterStaticEntry: [
    NAME,
    { header: "SPIFFE ID", cell: (object) => text(read(object, "spec", "spiffeID"), "") },
    { header: "SELECTORS", cell: (object) => list(read(object, "spec", "selectors")).join(",") },
    AGE,
    { header: "X509 TTL", wide: true, cell: (object) => text(read(object, "spec", "x509SVIDTTL"), "<default>") },
    { header: "JWT TTL", wide: true, cell: (object) => text(read(object, "spec", "jwtSVIDTTL"), "<default>") },
    { header: "DNS NAMES", wide: true, cell: (object) => list(read(object, "spec", "dnsNames")).join(",") || "<none>" },
    { header: "HINT", wide: true, cell: (object) => text(read(object, "spec", "hint"), "<none>") },
  ],
};

export function columnsOf(kind: string, wide: boolean): readonly Column[] {
  return (COLUMNS[kind] ?? [NAME, AGE]).filter((column) => wide || column.wide === undefined);
}

function servicePorts(service: PresentedObject): string {
  const ports = list(read(service, "spec", "ports")).map((port) => {
    const protocol = text(read(port, "protocol"), "TCP");
    return `${text(read(port, "port"), "")}/${protocol}`;
  });
  return ports.length === 0 ? "<none>" : ports.join(",");
}

function podReady(pod: PresentedObject): string {
  const statuses = list(read(pod, "status", "containerStatuses"));
  const ready = statuses.filter((status) => read(status, "ready") === true).length;
  return `${ready}/${Math.max(statuses.length, list(read(pod, "spec", "containers")).length)}`;
}

/** kubectl's order: deletion, then the reason of the first container that is not running, then the phase. */
function podStatus(pod: PresentedObject): string {
  if (pod.metadata.deletionTimestamp !== undefined) return "Terminating";
  for (const status of list(read(pod, "status", "containerStatuses"))) {
    const waiting = read(status, "state", "waiting", "reason");
    if (typeof waiting === "string" && waiting !== "") return waiting;
    const terminated = read(status, "state", "terminated");
    if (terminated === undefined) continue;
    const reason = read(terminated, "reason");
    return typeof reason === "string" && reason !== "" ? reason : `ExitCode:${text(read(terminated, "exitCode"), "?")}`;
  }
  return text(read(pod, "status", "phase"), "Unknown");
}

function podRestarts(pod: PresentedObject): string {
  const counts = list(read(pod, "status", "containerStatuses")).map((status) =>
    Number(read(status, "restartCount") ?? 0),
  );
  return String(counts.reduce((sum, restarts) => sum + restarts, 0));
}

function templateContainers(deployment: PresentedObject, field: string): string {
  const containers = list(read(deployment, "spec", "template", "spec", "containers"));
  return containers.map((container) => text(read(container, field), "")).join(",") || "<none>";
}

function count(object: PresentedObject, field: string): string {
  return text(read(object, "status", field), "0");
}

function pairs(labels: unknown): string {
  if (labels === null || typeof labels !== "object") return "<none>";
  return (
    Object.entries(labels)
      .map(([key, value]) => `${key}=${String(value)}`)
      .join(",") || "<none>"
  );
}

function read(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      inner !== null && typeof inner === "object" && Object.hasOwn(inner, key)
        ? (inner as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown, fallback: string): string {
  return value === undefined || value === null || value === "" ? fallback : String(value);
}
