/** A control plane over memory: manifests, state, audit and time are the test's. */
import { type Log, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, createFakeRandom, type FakeClock } from "@symbolon/spiffe/testing";
import {
  type ControlPlane,
  createControlPlane,
  type ManifestRead,
  type MeshStateStore,
  type StateChanges,
  type StateRecord,
} from "../../packages/symbolon/src/control-plane/index.ts";
import type { AuditEvent } from "../../packages/symbolon/src/core/index.ts";
import { type PodStatus, parseIpv4Range } from "../../packages/symbolon/src/mesh/index.ts";
import { parseRules } from "./manifests.ts";

export interface MemoryStore extends MeshStateStore {
  readonly records: ReadonlyMap<string, StateRecord>;
  readonly writes: readonly StateChanges[];
  /** The next write fails with it and changes nothing. */
  failNext: Error | undefined;
}

export function createMemoryStore(): MemoryStore {
  const records = new Map<string, StateRecord>();
  const writes: StateChanges[] = [];
  const store: MemoryStore = {
    records,
    writes,
    failNext: undefined,
    load: async () => [...records.values()],
    async write(changes) {
      const failure = store.failNext;
      store.failNext = undefined;
      if (failure) throw failure;
      writes.push(changes);
      for (const record of changes.put) records.set(`${record.kind} ${record.key}`, record);
      for (const { kind, key } of changes.remove) records.delete(`${kind} ${key}`);
    },
  };
  return store;
}

export interface ControlPlaneFixtureOptions {
  readonly store?: MemoryStore;
  /** Text of the one watched file, "mesh.yaml"; absent: no file. */
  readonly files?: string;
  readonly problems?: ManifestRead["problems"];
  readonly podRange?: string;
  readonly serviceRange?: string;
  readonly allowUnenforced?: boolean;
  readonly clock?: FakeClock;
  readonly seed?: number;
}

export interface ControlPlaneFixture {
  readonly control: ControlPlane;
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly audit: readonly AuditEvent[];
  /** The next audit line fails with it. */
  failNextAudit(error: Error): void;
  readonly errors: readonly string[];
  /** Changes the watched file and waits until the change has been judged. */
  edit(text: string, problems?: ManifestRead["problems"]): Promise<void>;
  apply(
    text: string,
    options?: { readonly namespace?: string; readonly dryRun?: boolean; readonly allowUnenforced?: boolean },
  ): ReturnType<ControlPlane["apply"]>;
  /** Reports every wanted pod as running and ready, and every ended one as gone, until nothing changes any more. */
  runPods(): Promise<void>;
}

export async function createControlPlaneFixture(
  options: ControlPlaneFixtureOptions = {},
): Promise<ControlPlaneFixture> {
  const clock = options.clock ?? createFakeClock();
  const store = options.store ?? createMemoryStore();
  const audit: AuditEvent[] = [];
  const errors: string[] = [];
  let auditFailure: Error | undefined;
  let read = readOf(options.files, options.problems);
  let changed: () => void = () => undefined;
  const log: Log = { ...silentLog, error: (message) => errors.push(message) };
  const control = await createControlPlane({
    store,
    source: {
      read: async () => read,
      watch: (onChange) => {
        changed = onChange;
        return { close: () => undefined };
      },
    },
    manifests: { ...parseRules, allowUnenforced: options.allowUnenforced ?? false },
    trustDomain: "cluster.local",
    clusterDomain: "cluster.local",
    rootNamespace: "istio-system",
    podRange: parseIpv4Range(options.podRange ?? "10.244.0.0/16"),
    serviceRange: parseIpv4Range(options.serviceRange ?? "10.96.0.0/16"),
    node: { name: "node", address: "10.244.0.1" },
    audit: {
      async write(event) {
        const failure = auditFailure;
        auditFailure = undefined;
        if (failure) throw failure;
        audit.push(event);
      },
    },
    clock,
    random: createFakeRandom(options.seed ?? 7),
    log,
  });
  return {
    control,
    clock,
    store,
    audit,
    errors,
    failNextAudit: (error) => {
      auditFailure = error;
    },
    async edit(text, problems) {
      read = readOf(text, problems);
      changed();
      // Whatever is queued behind the change comes after it.
      await control.reportPodRemoved("nobody");
    },
    apply: (text, { namespace = "default", dryRun = false, allowUnenforced = false } = {}) =>
      control.apply({ manifests: [{ file: "-", text }], namespace, allowUnenforced, dryRun }),
    async runPods() {
      for (let round = 0; round < 100; round++) {
        const wanted = new Set(control.desiredPods.current.map(({ uid }) => uid));
        const pods = control.status().pods;
        const unready = pods.filter(({ pod, status }) => wanted.has(pod.uid) && status?.ready !== true);
        const gone = pods.filter(({ pod }) => !wanted.has(pod.uid));
        if (unready.length + gone.length === 0) return;
        for (const { pod } of unready) await control.reportPodStatus(pod.uid, READY);
        for (const { pod } of gone) await control.reportPodRemoved(pod.uid);
      }
      throw new Error("the pods do not come to rest");
    },
  };
}

export const READY: PodStatus = { phase: "running", ready: true, containers: [] };

function readOf(text: string | undefined, problems: ManifestRead["problems"] = []): ManifestRead {
  return { files: text === undefined ? [] : [{ file: "mesh.yaml", text }], problems };
}
