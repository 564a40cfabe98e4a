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
  if (namespace !== undefined) return { ...(kind === undefined ? {} : { kind }), namespace, name };
  const dot = name.indexOf(".");
  const inNamespace =
    dot < 1 || dot === name.length - 1
      ? { namespace: defaultNamespace, name }
      : { namespace: name.slice(dot + 1), name: name.slice(0, dot) };
  // "jobs/worker" may be a Job, or a workload of a namespace that is called jobs.
  return kind === undefined
    ? inNamespace
    : { ...inNamespace, kind, otherReading: { namespace: text.slice(0, text.indexOf("/")), name } };
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
