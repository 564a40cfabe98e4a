import { nearestName } from "@symbolon/policy";
import { type PolicySet, type SetWorkload, workloadKey } from "./policy-set.ts";

export interface WorkloadName {
  /** As `deployment` of `deployment/httpbin`; absent: of any kind. */
  readonly kind?: string;
  readonly namespace: string;
  readonly name: string;
  /** Meant when there is no such workload. */
  readonly otherReading?: { readonly namespace: string; readonly name: string };
}

export type FoundWorkload =
  | { readonly workload: SetWorkload }
  | { readonly reason: "workload_not_found" | "workload_ambiguous"; readonly text: string };

/** Looks a workload up; when it is not there, says what is near or what there is. */
export function findWorkload(asked: WorkloadName, set: PolicySet): FoundWorkload {
  const { kind, namespace, name } = asked;
  const found = set.workloads.filter(
    (workload) =>
      workload.namespace === namespace &&
      workload.name === name &&
      (kind === undefined || workload.kind.toLowerCase() === kind),
  );
  const [workload] = found;
  const where = `${namespace}/${name}`;
  const instead = workload ? undefined : insteadOf(asked, set);
  if (instead) return { workload: instead };
  if (!workload)
    return {
      reason: "workload_not_found",
      text: `there is no ${kind ?? "workload"} ${where}; ${whatIsThere(namespace, name, set)}`,
    };
  if (found.length === 1) return { workload };
  const kinds = found.map((one) => `${one.kind.toLowerCase()}/${name}`);
  return {
    reason: "workload_ambiguous",
    text: `several workloads are named ${where}: say which, ${kinds.join(" or ")}`,
  };
}

function insteadOf(asked: WorkloadName, set: PolicySet): SetWorkload | undefined {
  const maker = makerOf(asked, set);
  if (maker || !asked.otherReading) return maker;
  const other = findWorkload(asked.otherReading, set);
  return "workload" in other ? other.workload : undefined;
}

/** The Deployment of a pod: policies go by the labels that they share. */
function makerOf({ kind = "pod", namespace, name }: WorkloadName, set: PolicySet): SetWorkload | undefined {
  let key = set.owners.get(workloadKey(kind, namespace, name));
  // A chain in manifests may be a circle.
  for (let step = 0; key !== undefined && step < MAX_OWNERS; step++) {
    const wanted = key;
    const found = set.workloads.find((one) => workloadKey(one.kind, one.namespace, one.name) === wanted);
    if (found) return found;
    key = set.owners.get(key);
  }
  return undefined;
}

function whatIsThere(namespace: string, name: string, { workloads, namespaces }: PolicySet): string {
  if (workloads.length === 0) return "there are no workloads at all (Deployments, Pods, …): give their manifests, too";
  const there = workloads.filter((workload) => workload.namespace === namespace).map((workload) => workload.name);
  const namesake = workloads.find((workload) => workload.namespace === namespace && workload.name === name);
  if (namesake) return `did you mean ${namespace}/${namesake.kind.toLowerCase()}/${name}?`;
  const near = nearestName(name, there);
  if (near !== undefined) return `did you mean ${namespace}/${near}?`;
  const elsewhere = workloads.find((workload) => workload.name === name);
  if (elsewhere) return `did you mean ${elsewhere.namespace}/${name}?`;
  if (there.length > 0) return `in ${namespace} there are ${listText(there)}`;
  const nearNamespace = nearestName(namespace, namespaces);
  if (nearNamespace !== undefined && !namespaces.includes(namespace)) return `did you mean namespace ${nearNamespace}?`;
  const hasWorkloads = [...new Set(workloads.map((workload) => workload.namespace))];
  return `no workload is in namespace ${namespace}; there are some in ${listText(hasWorkloads)}`;
}

function listText(names: readonly string[]): string {
  const shown = names.toSorted().slice(0, MAX_SHOWN).join(", ");
  return names.length > MAX_SHOWN ? `${shown} and ${names.length - MAX_SHOWN} more` : shown;
}

const MAX_SHOWN = 8;
/** CronJob, Job, Pod. */
const MAX_OWNERS = 4;
