import type { DeploymentStrategy, ObjectKey } from "../mesh/index.ts";
import { isReady, type PodRecord } from "./pod-record.ts";

/** A Deployment or a bare Pod, as far as the number of its pods goes. */
export interface WantedPods {
  readonly owner: ObjectKey;
  readonly templateHash: string;
  readonly replicas: number;
  readonly strategy: DeploymentStrategy;
}

export interface PodPlan {
  /** One entry a pod to make. */
  readonly create: readonly WantedPods[];
  /** Uids of pods to end. */
  readonly remove: readonly string[];
}

/**
 * Kubernetes' Deployment controller without its clock: from what is wanted and what is there to what to do next.
 * Called again after every change, it converges; called twice on the same input, it answers the same.
 */
export function planPods(wanted: readonly WantedPods[], pods: readonly PodRecord[]): PodPlan {
  const owners = new Map(wanted.map((entry) => [ownerKey(entry.owner), entry]));
  const orphans = pods.filter((pod) => !isTerminating(pod) && !owners.has(ownerKey(pod.owner)));
  const plans = wanted.map((entry) =>
    planOwner(
      entry,
      pods.filter((pod) => ownerKey(pod.owner) === ownerKey(entry.owner)),
    ),
  );
  return {
    create: plans.flatMap((plan) => plan.create),
    remove: [...orphans.map((pod) => pod.pod.uid), ...plans.flatMap((plan) => plan.remove)],
  };
}

function planOwner(wanted: WantedPods, pods: readonly PodRecord[]): PodPlan {
  const alive = pods.filter((pod) => !isTerminating(pod));
  const current = alive.filter((pod) => pod.templateHash === wanted.templateHash);
  const outdated = alive.filter((pod) => pod.templateHash !== wanted.templateHash);
  const surplus = inRemovalOrder(current).slice(0, Math.max(0, current.length - wanted.replicas));
  if (wanted.strategy.kind === "recreate") {
    // A bare Pod keeps its name, so that its successor waits until the name is free.
    const missing = pods.length === current.length ? wanted.replicas - current.length : 0;
    return { create: repeat(wanted, missing), remove: uidsOf([...outdated, ...surplus]) };
  }
  const { maxSurge, maxUnavailable } = wanted.strategy;
  const room = wanted.replicas + maxSurge - alive.length;
  const missing = Math.min(wanted.replicas - current.length, room);
  return {
    create: repeat(wanted, missing),
    remove: uidsOf([...surplus, ...removableOutdated(current, outdated, wanted.replicas - maxUnavailable)]),
  };
}

/** Old pods that may go now: unready ones serve nobody; of the ready ones, as many as leave `minAvailable` ready. */
function removableOutdated(
  current: readonly PodRecord[],
  outdated: readonly PodRecord[],
  minAvailable: number,
): readonly PodRecord[] {
  const unready = outdated.filter((pod) => !isReady(pod));
  const ready = outdated.filter(isReady);
  const readyTotal = ready.length + current.filter(isReady).length;
  const spare = Math.max(0, readyTotal - minAvailable);
  return [...unready, ...inRemovalOrder(ready).slice(0, spare)];
}

/** Kubernetes removes the unready first, then the youngest. */
function inRemovalOrder(pods: readonly PodRecord[]): readonly PodRecord[] {
  return [...pods].sort(
    (a, b) =>
      Number(isReady(a)) - Number(isReady(b)) ||
      compareText(b.createdAt, a.createdAt) ||
      compareText(a.pod.name, b.pod.name),
  );
}

function isTerminating(pod: PodRecord): boolean {
  return pod.terminatingSince !== undefined;
}

function ownerKey({ kind, namespace, name }: ObjectKey): string {
  return `${kind}/${namespace}/${name}`;
}

function repeat(wanted: WantedPods, count: number): readonly WantedPods[] {
  return Array.from({ length: Math.max(0, count) }, () => wanted);
}

function uidsOf(pods: readonly PodRecord[]): readonly string[] {
  return pods.map((pod) => pod.pod.uid);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
