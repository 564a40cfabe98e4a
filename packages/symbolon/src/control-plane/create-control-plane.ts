import { type Finding, formatFinding } from "@symbolon/policy";
import { type Clock, createObservable, type Log, type Observable, type Random } from "@symbolon/spiffe/core";
import { type AuditEvent, type AuditSink, productError, type RegistrationEntry } from "../core/index.ts";
import {
  type FetchedKeySet,
  type Ipv4Range,
  isClusterScoped,
  type MeshKind,
  type MeshView,
  type ParseManifestsOptions,
  type Pod,
  type PodStatus,
  type PresentedObject,
  type WorkloadObject,
} from "../mesh/index.ts";
import { createAddressPool } from "./address-pool.ts";
import {
  type ApplyRequest,
  applyManifests,
  type Change,
  type ChangeAnswer,
  type DeleteRequest,
  deleteObjects,
} from "./api-changes.ts";
import { changeEvents, failedChange, impossibleChangeEvent, refusalEvent } from "./change-events.ts";
import { computeSnapshot } from "./compute-snapshot.ts";
import { createConfigStore, type ObjectChange, type PreparedConfig, type PrepareResult } from "./config-store.ts";
import { createKeySets } from "./key-sets.ts";
import { unreadableFile } from "./merge-config.ts";
import { throughMesh } from "./mesh-key-fetcher.ts";
import { meshConfigOf, policiesOf } from "./mesh-policies.ts";
import { decodeState, encodeRecord, encodeSettings } from "./persisted-state.ts";
import type { PodRecord } from "./pod-record.ts";
import { countPods, createPods } from "./pods.ts";
import type {
  KeySetFetcher,
  ManifestSource,
  MeshStateStore,
  ProxyConfigSource,
  StateChanges,
  WrittenConfigs,
} from "./ports.ts";
import { presentObject } from "./present-object.ts";
import { presentPod } from "./present-pod.ts";
import { createProxyConfigPush } from "./push.ts";
import { registrationEntries, sameEntries } from "./registration-entries.ts";
import { keySetProblems, publicKeySets, wantedKeySets } from "./request-authentication-config.ts";
import { createSerialQueue } from "./serial-queue.ts";
import { keyText, type StoredObject } from "./stored-object.ts";

export interface ControlPlaneOptions {
  readonly store: MeshStateStore;
  readonly source: ManifestSource;
  readonly manifests: ParseManifestsOptions;
  readonly trustDomain: string;
  readonly clusterDomain: string;
  readonly rootNamespace: string;
  /** Absent: false. */
  readonly denialReasonHeader?: boolean;
  /** Absent: nothing is fetched, and rules without keys of their own refuse every token. */
  readonly keySetFetcher?: KeySetFetcher;
  readonly podRange: Ipv4Range;
  readonly serviceRange: Ipv4Range;
  /** The machine, as pods see it. */
  readonly node: { readonly name: string; readonly address: string };
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface MeshStatus {
  readonly trustDomain: string;
  /** Version of the configuration that proxies are told. */
  readonly version: number;
  /** Every workload has its pods, and no pod is on its way out. */
  readonly settled: boolean;
  /** Objects in force that came through the API, now or in an earlier run, and not from a file. */
  readonly applied: number;
  /** Formatted: why the newest manifests are not in force, or why pods are missing. */
  readonly findings: readonly string[];
  readonly pods: readonly { readonly pod: Pod; readonly status?: PodStatus }[];
  /** How long what the CA issues lives; absent where there is no CA. */
  readonly issuance?: MeshIssuance;
}

/** Seconds. */
export interface MeshIssuance {
  readonly x509LifetimeSeconds: number;
  readonly jwtLifetimeSeconds: number;
  /** Remaining life of the CA's signing certificate. */
  readonly signingRemainingSeconds: number;
}

/** Objects in force, the pods that they ask for, and the configuration of every proxy. Changes run one at a time. */
export interface ControlPlane {
  readonly configs: ProxyConfigSource & WrittenConfigs;
  /** What the pod runtime should run. */
  readonly desiredPods: Observable<readonly Pod[]>;
  /** Identities of processes outside pods, in the order of S6. */
  readonly entries: Observable<readonly RegistrationEntry[]>;
  status(): MeshStatus;
  list(kind: MeshKind, namespace?: string): readonly PresentedObject[];
  findPod(uid: string): PodRecord | undefined;
  pods(): readonly PodRecord[];
  /** All or nothing. */
  apply(request: ApplyRequest): Promise<ChangeAnswer>;
  delete(request: DeleteRequest): Promise<ChangeAnswer>;
  /** A pod runtime introduces itself: one that is new knows no pod of the old one. */
  connectRuntime(bootId: string): Promise<void>;
  reportPodStatus(uid: string, status: PodStatus): Promise<void>;
  reportPodRemoved(uid: string): Promise<void>;
  /** Sets of token issuers as proxies have them; public keys alone. */
  keySets(): readonly FetchedKeySet[];
  /** A proxy has seen a token whose key the set of this source does not have. */
  keyUnknown(source: string): void;
  close(): void;
}

const NO_FETCHER: KeySetFetcher = {
  fetch: ({ url }) => Promise.reject(productError("ERR_JWKS_FETCH", `${url}: nothing is fetched by this process`)),
};

/** Below the findings of the manifest files. */
const FILES_REFUSED = "the manifest files are refused as a whole; what was in force before stays";
/** Versions of one run; a run's first is above every earlier run's last. */
const VERSIONS_PER_RUN = 1_000_000_000;

/** Starts with the last good state, and takes over what the manifests say now. @throws ERR_STATE_* */
export async function createControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { store, source, audit, clock, log, node } = options;
  const persisted = decodeState(await store.load());
  const starts = (persisted.settings.starts ?? 0) + 1;
  await store.write({ put: encodeSettings({ starts }), remove: [] });

  const config = createConfigStore({ ...options, persisted });
  const podAddresses = createAddressPool(options.podRange, "pod", persisted.settings.podAddressCursor);
  const pods = createPods({
    ...options,
    records: persisted.pods,
    addresses: podAddresses,
    nodeName: node.name,
    nodeAddress: node.address,
  });
  const push = createProxyConfigPush(starts * VERSIONS_PER_RUN, queueMicrotask);
  const desiredPods = createObservable<readonly Pod[]>([]);
  const entries = createObservable<readonly RegistrationEntry[]>([]);
  const inOrder = createSerialQueue();
  let savedPods = new Map(persisted.pods.map((record) => [record.pod.uid, record]));
  let bootId = persisted.settings.bootId;
  let fileFindings: readonly Finding[] = [];
  let podProblem: unknown;
  let meshView: MeshView | undefined;
  const keySets = createKeySets({
    ...options,
    persisted: persisted.keySets,
    fetcher: throughMesh(options.keySetFetcher ?? NO_FETCHER, { mesh: () => meshView, random: options.random }),
    onChange: () => void inOrder(settle).catch((error: unknown) => log.error("new keys were not pushed", { error })),
  });
  const requestAuthentications = () =>
    [...config.objects.values()].flatMap(({ object }) =>
      object.kind === "RequestAuthentication" ? [object.policy] : [],
    );

  /** From objects and reports to pods and proxy configuration; durable before anybody is told. */
  const settle = async (): Promise<void> => {
    const objects = [...config.objects.values()];
    const { problem } = pods.reconcile({
      workloads: objects.flatMap(({ object }) => workloadIn(object)),
      namespaceLabels: (name) => config.objects.get(`Namespace//${name}`)?.object.meta.labels ?? {},
      now: clock.now(),
    });
    if (problem !== undefined && podProblem === undefined) log.error("pods cannot be made", { error: problem });
    podProblem = problem;
    await savePods();
    desiredPods.set(pods.desired());
    const newEntries = registrationEntries(config.objects.values());
    if (!sameEntries(entries.current, newEntries)) entries.set(newEntries);
    const meshConfig = meshConfigOf(objects, options.rootNamespace);
    keySets.want(wantedKeySets(requestAuthentications()));
    const content = computeSnapshot({
      ...options,
      keySet: keySets.current,
      ...(meshConfig === undefined ? {} : { meshConfig, rootNamespace: meshConfig.rootNamespace }),
      services: objects.flatMap((stored) => addressedService(stored)),
      pods: pods.records,
      ...policiesOf(objects, (key) => new Date(config.objects.get(key)?.identity.createdAt ?? 0)),
    });
    meshView = content.mesh;
    push.publish(content);
  };

  const savePods = async (): Promise<void> => {
    const records = new Map(pods.records.map((record) => [record.pod.uid, record]));
    const changes: StateChanges = {
      put: [...records]
        .filter(([uid, record]) => savedPods.get(uid) !== record)
        .map(([uid, record]) => encodeRecord("pod", uid, record)),
      remove: [...savedPods.keys()].filter((uid) => !records.has(uid)).map((key) => ({ kind: "pod", key })),
    };
    if (changes.put.length + changes.remove.length === 0) return;
    const { cursor } = podAddresses;
    const settings = cursor === undefined ? [] : encodeSettings({ podAddressCursor: cursor });
    await store.write({ put: [...changes.put, ...settings], remove: changes.remove });
    savedPods = records;
  };

  const addressedService = ({ key, object, identity }: StoredObject) => {
    if (object.kind !== "Service") return [];
    const address = config.serviceAddresses.get(keyText(key));
    return [{ service: object, createdAt: identity.createdAt, ...(address === undefined ? {} : { address }) }];
  };

  /** Audit, then disk, then force: a change that left no trace has not happened. */
  const enforce = async (prepared: PreparedConfig, actor: string, endingPods: readonly PodRecord[]): Promise<void> => {
    const endings = endingPods.map(({ pod: { namespace, name } }): ObjectChange => {
      return { key: { kind: "Pod", namespace, name }, action: "deleted" };
    });
    const sides = { before: config.objects, after: prepared.objects, actor };
    const events = changeEvents([...prepared.changes, ...endings], sides);
    await Promise.all(events.map((event) => audit.write(event)));
    try {
      await store.write(prepared.stateChanges);
    } catch (error) {
      for (const event of events) await writeRefusal(failedChange(event, error));
      throw error;
    }
    config.accept(prepared);
    for (const { pod } of endingPods) pods.terminate(pod.uid, clock.now());
  };

  /** Nothing takes effect that a missing line would have to stop: whoever asked gets the answer all the same. */
  const writeRefusal = (event: AuditEvent): Promise<void> =>
    audit.write(event).catch((error: unknown) => log.error("a refused change was not audited", { error }));
  const auditRefusal = (findings: readonly Finding[], actor: string) => writeRefusal(refusalEvent(findings, actor));

  /** A change that cannot even be prepared, such as a deletion of what is not there, was tried all the same. */
  const orAudited = async (actor: string, prepare: () => Change): Promise<Change> => {
    try {
      return prepare();
    } catch (error) {
      await writeRefusal(impossibleChangeEvent(error, actor));
      throw error;
    }
  };

  const readFiles = async (filesTakeOver: boolean): Promise<void> => {
    const { files, problems } = await source.read();
    const unreadable = problems.map(({ path, message }) => unreadableFile(path, message));
    const result: PrepareResult =
      unreadable.length > 0
        ? { kind: "refused", findings: unreadable }
        : config.prepare({ files, applied: config.sources.applied }, { filesTakeOver });
    if (result.kind === "prepared") {
      fileFindings = [];
      await enforce(result.config, "manifest files", []);
      return;
    }
    const known = fileFindings.map(formatFinding).join("\n");
    fileFindings = result.findings.filter(({ severity }) => severity === "error");
    // The same mistake, read again because another file changed, is not another refusal.
    if (fileFindings.map(formatFinding).join("\n") !== known) await auditRefusal(fileFindings, "manifest files");
    log.error("manifests are refused; what was in force stays", { findings: fileFindings.map(formatFinding) });
  };

  const change = async (actor: string | undefined, prepare: () => Change): Promise<ChangeAnswer> => {
    const who = actor ?? "api";
    const { prepared, endingPods = [], refusal, ...answer } = await orAudited(who, prepare);
    if (refusal !== undefined) await auditRefusal(refusal, who);
    if (prepared === undefined) return answer;
    await enforce(prepared, who, endingPods);
    await settle();
    return { ...answer, version: push.version };
  };

  await inOrder(async () => {
    await readFiles(true);
    if (fileFindings.length > 0 && config.restoreProblem !== undefined) throw config.restoreProblem;
    await settle();
  });
  const watch = source.watch(() => {
    void inOrder(async () => {
      await readFiles(false);
      await settle();
    }).catch((error: unknown) => log.error("a change of the manifests was not taken over", { error }));
  });

  return {
    configs: push,
    desiredPods,
    entries,
    status: () => ({
      trustDomain: options.trustDomain,
      version: push.version,
      settled: isSettled(),
      applied: config.sources.applied.size,
      findings: [
        ...fileFindings.map(formatFinding),
        ...(fileFindings.length > 0 ? [FILES_REFUSED] : []),
        ...(podProblem instanceof Error ? [podProblem.message] : []),
        ...keySetProblems(requestAuthentications(), keySets.status),
      ],
      pods: pods.records.map(({ pod, status }) => ({ pod, ...(status === undefined ? {} : { status }) })),
    }),
    list(kind, namespace) {
      const inNamespace = (name: string) => namespace === undefined || name === namespace;
      if (kind === "Pod")
        return pods.records
          .filter(({ pod }) => inNamespace(pod.namespace))
          .toSorted((a, b) => compareNames(a.pod, b.pod))
          .map((record) => presentPod(record, node));
      const context = {
        records: pods.records,
        serviceAddress: (key: StoredObject["key"]) => config.serviceAddresses.get(keyText(key)),
        keySetStatus: keySets.status,
      };
      return [...config.objects.values()]
        .filter(({ key }) => key.kind === kind && (isClusterScoped(kind) || inNamespace(key.namespace)))
        .toSorted((a, b) => compareNames(a.key, b.key))
        .map((stored) => presentObject(stored, context));
    },
    findPod: pods.find,
    pods: () => pods.records,
    apply: (request) =>
      inOrder(() => change(request.actor, () => applyManifests(config, options, request, push.version))),
    delete: (request) =>
      inOrder(() => change(request.actor, () => deleteObjects(config, request, push.version, pods.records))),
    connectRuntime: (newBootId) =>
      inOrder(async () => {
        if (newBootId === bootId) return;
        pods.forgetRuntime();
        await store.write({ put: encodeSettings({ bootId: newBootId }), remove: [] });
        bootId = newBootId;
        await settle();
      }),
    reportPodStatus: (uid, status) =>
      inOrder(async () => {
        if (pods.setStatus(uid, status)) await settle();
      }),
    reportPodRemoved: (uid) =>
      inOrder(async () => {
        if (pods.forget(uid)) await settle();
      }),
    keySets: () => publicKeySets(requestAuthentications(), keySets.current),
    keyUnknown: keySets.keyUnknown,
    close() {
      watch.close();
      keySets.close();
    },
  };

  function isSettled(): boolean {
    const workloads = [...config.objects.values()].flatMap(({ object }) => workloadIn(object));
    return (
      pods.records.every(({ terminatingSince }) => terminatingSince === undefined) &&
      workloads.every((workload) => {
        const wanted = workload.kind === "Pod" ? 1 : workload.replicas;
        const { total, updated } = countPods(pods.records, workload);
        return total === wanted && updated === wanted;
      })
    );
  }
}

function workloadIn(object: StoredObject["object"]): readonly WorkloadObject[] {
  return object.kind === "Deployment" || object.kind === "Pod" ? [object] : [];
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** The order of Kubernetes' lists, whatever the order in which things were made. */
function compareNames(a: Named, b: Named): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}
