import { CommandExit, EXIT } from "../exit-status.ts";
import type { WorkloadName } from "./find-workload.ts";

/**
 * `NAME`, `NAME.NAMESPACE`, `NAMESPACE/NAME`, each also with the kind before the name: `deploy/NAME`,
 * `NAMESPACE/deploy/NAME`. @throws CommandExit with the usage status, naming `what` was to be read
 */
export function parseWorkloadName(text: string, defaultNamespace: string, what: string): WorkloadName {
  const parts = text.split("/");
  const name = parts.pop() ?? "";
  const kind = KINDS.get(parts.at(-1)?.toLowerCase() ?? "");
  if (kind !== undefined) parts.pop();
  const [namespace, ...rest] = parts;
  if (name === "" || namespace === "" || rest.length > 0)
    throw new CommandExit(EXIT.usage, `error: ${what} "${text}" is not NAMESPACE/NAME, like foo/httpbin`);
  if (namespace !== undefined) return { ...withKind(kind), namespace, name };
  const dot = name.indexOf(".");
  return dot < 1 || dot === name.length - 1
    ? { ...withKind(kind), namespace: defaultNamespace, name }
    : { ...withKind(kind), namespace: name.slice(dot + 1), name: name.slice(0, dot) };
}

function withKind(kind: string | undefined): Pick<WorkloadName, "kind"> {
  return kind === undefined ? {} : { kind };
}

const KINDS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    pod: ["po", "pods"],
    deployment: ["deploy", "deployments"],
    statefulset: ["sts", "statefulsets"],
    daemonset: ["ds", "daemonsets"],
    replicaset: ["rs", "replicasets"],
    job: ["jobs"],
    cronjob: ["cj", "cronjobs"],
  }).flatMap(([kind, aliases]) => [kind, ...aliases].map((alias) => [alias, kind] as const)),
);
