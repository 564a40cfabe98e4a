import type { Random } from "@symbolon/spiffe/core";
import type { Labels, Pod, PodStatus, WorkloadObject } from "../mesh/index.ts";
import type { AddressPool } from "./address-pool.ts";
import { planPods, type WantedPods } from "./deployment-controller.ts";
import { makePod } from "./make-pod.ts";
import { isReady, type PodRecord } from "./pod-record.ts";
import { keyText } from "./stored-object.ts";
import { templateHash } from "./template-hash.ts";

export interface ReconcileInput {
  readonly workloads: readonly WorkloadObject[];
  readonly namespaceLabels: (namespace: string) => Labels;
  readonly now: Date;
}

export interface PodsOptions {
  readonly records: readonly PodRecord[];
  readonly addresses: AddressPool;
  readonly nodeName: string;
  readonly nodeAddress: string;
  readonly random: Random;
}

/** The pods of the mesh: which there are, and which there should be. Every change of a record replaces it. */
export interface Pods {
  readonly records: readonly PodRecord[];
  find(uid: string): PodRecord | undefined;
  /** What the pod runtime should run. */
  desired(): readonly Pod[];
  /**
   * Makes and ends pods until the workloads are satisfied as far as can be now.
   * @returns why pods are missing, if they are
   */
  reconcile(input: ReconcileInput): { readonly problem?: unknown };
  /** False when there is no such pod. */
  setStatus(uid: string, status: PodStatus): boolean;
  /** Asks the pod runtime to end it; false when there is no such pod. */
  terminate(uid: string, now: Date): boolean;
  /** The pod runtime has ended it: name and address are free. */
  forget(uid: string): boolean;
  /** A new pod runtime has started, and with the old one everything ended that it ran. */
  forgetRuntime(): void;
}

export function createPods(options: PodsOptions): Pods {
  const { addresses, random } = options;
  const records = new Map(options.records.map((record) => [record.pod.uid, record]));
  for (const { pod } of options.records) addresses.claim(pod.address);

  const terminate = (uid: string, now: Date): boolean => {
    const record = records.get(uid);
    if (record === undefined) return false;
    if (record.terminatingSince === undefined) records.set(uid, { ...record, terminatingSince: now.toISOString() });
    return true;
  };

  const hasName = ({ pod }: PodRecord): boolean =>
    [...records.values()].some((other) => other.pod.namespace === pod.namespace && other.pod.name === pod.name);

  const create = (wanted: WantedPods, owner: WorkloadObject, input: ReconcileInput): void => {
    const address = addresses.allocate();
    const make = (): PodRecord =>
      makePod({
        owner,
        templateHash: wanted.templateHash,
        namespaceLabels: input.namespaceLabels(owner.meta.namespace),
        address,
        nodeName: options.nodeName,
        nodeAddress: options.nodeAddress,
        createdAt: input.now,
        random,
      });
    let record = make();
    // A bare Pod's name is its own; a made name is drawn until it is free.
    while (record.pod.deployment !== undefined && hasName(record)) record = make();
    records.set(record.pod.uid, record);
  };

  const forget = (uid: string): boolean => {
    const record = records.get(uid);
    if (record === undefined) return false;
    records.delete(uid);
    addresses.release(record.pod.address);
    return true;
  };

  return {
    get records() {
      return [...records.values()];
    },
    find: (uid) => records.get(uid),
    desired: () =>
      [...records.values()].filter(({ terminatingSince }) => terminatingSince === undefined).map(({ pod }) => pod),
    reconcile(input) {
      const owners = new Map(input.workloads.map((workload) => [keyText(ownerOf(workload)), workload]));
      const wanted = input.workloads.map(wantedPods);
      try {
        // An end can make room for a beginning; each round leaves less to do.
        for (;;) {
          const plan = planPods(wanted, [...records.values()]);
          if (plan.remove.length + plan.create.length === 0) return {};
          for (const uid of plan.remove) terminate(uid, input.now);
          for (const entry of plan.create) {
            const owner = owners.get(keyText(entry.owner));
            if (owner) create(entry, owner, input);
          }
        }
      } catch (problem) {
        // No address is left: the pods that are there stay, and the next change tries again.
        return { problem };
      }
    },
    setStatus(uid, status) {
      const record = records.get(uid);
      if (record) records.set(uid, { ...record, status });
      return record !== undefined;
    },
    terminate,
    forget,
    forgetRuntime() {
      for (const [uid, { status: _gone, ...record }] of [...records]) {
        if (record.terminatingSince === undefined) records.set(uid, record);
        else forget(uid);
      }
    },
  };
}

function wantedPods(workload: WorkloadObject): WantedPods {
  const owner = ownerOf(workload);
  const hash = templateHash(workload.template);
  if (workload.kind === "Pod") return { owner, templateHash: hash, replicas: 1, strategy: { kind: "recreate" } };
  return { owner, templateHash: hash, replicas: workload.replicas, strategy: workload.strategy };
}

function ownerOf({ kind, meta: { namespace, name } }: WorkloadObject): WantedPods["owner"] {
  return { kind, namespace, name };
}

export interface WorkloadCounts {
  readonly total: number;
  readonly updated: number;
  readonly ready: number;
}

/** Numbers for a Deployment's status. */
export function countPods(records: readonly PodRecord[], workload: WorkloadObject): WorkloadCounts {
  const owner = keyText(ownerOf(workload));
  const hash = templateHash(workload.template);
  const own = records.filter((record) => keyText(record.owner) === owner && record.terminatingSince === undefined);
  return {
    total: own.length,
    updated: own.filter((record) => record.templateHash === hash).length,
    ready: own.filter(isReady).length,
  };
}
