import type { EndpointView, ManifestText, ProxyConfig } from "../mesh/index.ts";
import type { DenialQuery, PlaintextCaller, ReportedDenial, StoredDenial } from "../telemetry/index.ts";

/** Kinds of record that the control plane keeps across restarts. */
export const STATE_KINDS = [
  "object",
  "manifest-file",
  "identity",
  "pod",
  "service-address",
  "setting",
  "key-set",
] as const;
export type StateKind = (typeof STATE_KINDS)[number];

export interface StateRecord {
  readonly kind: StateKind;
  readonly key: string;
  /** JSON text. */
  readonly value: string;
}

export interface StateChanges {
  readonly put: readonly StateRecord[];
  readonly remove: readonly { readonly kind: StateKind; readonly key: string }[];
}

/** What survives a restart: applied objects, last good manifests, pods, addresses. */
export interface MeshStateStore {
  load(): Promise<readonly StateRecord[]>;
  /** All or nothing; resolves once it is durable. */
  write(changes: StateChanges): Promise<void>;
}

/** Manifest files and directories that the mesh was started with. */
export interface ManifestSource {
  read(): Promise<ManifestRead>;
  /** Calls back after a change has come to rest. */
  watch(onChange: () => void): { close(): void };
}

export interface ManifestRead {
  readonly files: readonly ManifestText[];
  /** Paths that could not be read, each with the reason. */
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Supply of proxy configuration, one stream a pod. Parts that are equal in two versions are the same object in both. */
export interface ProxyConfigSource {
  /** Undefined while no such pod exists: such a proxy gets nothing and listens nowhere. */
  current(podUid: string): ProxyConfig | undefined;
  /**
   * Calls back with each newer configuration, never with the one in force; several changes of one turn of the event
   * loop come as one call. `undefined`: the pod is gone and its stream is to be closed.
   */
  subscribe(podUid: string, follower: (config: ProxyConfig | undefined) => void): () => void;
}

/** Configuration as it is written now. */
export interface WrittenConfigs {
  /**
   * What `current` says in other words: where a policy stands in its file is no news for a proxy, and is for whoever
   * explains what the policy did.
   */
  written(podUid: string): ProxyConfig | undefined;
}

/** Fetches documents of identity providers. */
export interface KeySetFetcher {
  /**
   * Text of an answer 200, at most 1 MiB.
   * @throws ERR_JWKS_FETCH: no answer in time, another status, a redirect elsewhere, too large
   * @throws ERR_JWKS_ADDRESS_FORBIDDEN: the name leads to an address that is not to be dialled
   */
  fetch(request: KeySetRequest): Promise<string>;
}

export interface KeySetRequest {
  readonly url: string;
  /** For all of it, redirects included. */
  readonly timeoutMs: number;
  /** The pod that serves it, when the name is a Service of this mesh. */
  readonly endpoint?: EndpointView;
}

/** Denials of the last day, in a store that a restart does not empty. */
export interface DenialStore {
  /** Those that are not there yet, by their id. */
  onlyNew(denials: readonly ReportedDenial[]): readonly ReportedDenial[];
  /** Adds, and forgets what is too old or too much. @throws ERR_STATE_UNWRITABLE */
  write(
    denials: readonly Omit<StoredDenial, "sequence">[],
    keep: { readonly now: Date; readonly notBefore: Date; readonly atMost: number },
  ): void;
  list(query: DenialQuery): readonly StoredDenial[];
}

/** One row for each caller, called workload, port and outcome. */
export interface PlaintextCallerStore {
  /** Adds counts to what is known, and forgets callers that were last seen too long ago. @throws ERR_STATE_UNWRITABLE */
  add(callers: readonly PlaintextCaller[], keep: { readonly notBefore: Date }): void;
  /** The latest first, at most 10,000. */
  list(namespace?: string): readonly PlaintextCaller[];
}
