import type { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import type { Secret } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import type { X509Svid } from "@symbolon/spiffe/svid";

/** The process at the other end of a Unix socket, as the kernel noted it at connect(2). */
export interface WorkloadPeer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Start of the process in clock ticks since boot: with it a process id is not taken for a later process's. */
  readonly startTicks: number;
  /** Still the process that connected; false for ever once it has ended. */
  isAlive(): boolean;
}

/** One fact about a process, `type:value` in writing: `unix:uid:1000` has type `unix` and value `uid:1000`. */
export interface Selector {
  readonly type: string;
  readonly value: string;
}

export interface ServedX509Svid {
  readonly svid: X509Svid;
  /** What the workload should use this identity for (Workload API §5.2.2), at most 1024 bytes. */
  readonly hint?: string;
}

export interface ServedJwtSvid {
  readonly spiffeId: SpiffeId;
  /** Compact JWS. */
  readonly token: Secret<string>;
  readonly expiresAt: Date;
  readonly hint?: string;
}

/** What a workload may have now: always the complete state, a new object after every change (S2). */
export type Entitlement =
  /** Nothing: the Workload API answers PermissionDenied. */
  | { readonly kind: "none"; readonly reason: string }
  /** There will be something, its first certificate is under way. */
  | { readonly kind: "pending"; readonly reason: string }
  | {
      readonly kind: "granted";
      /** At least one; the first is the default identity (S6). Hints are unique (S5). */
      readonly svids: readonly ServedX509Svid[];
      /** Own trust domain and those that the workload federates with. */
      readonly bundles: BundleSet;
      readonly jwtBundles: JwtBundleSet;
    };

export interface JwtSvidRequest {
  /** At least one, none empty. */
  readonly audiences: readonly string[];
  /** Only this identity of the workload's. */
  readonly spiffeId?: SpiffeId;
}

/** A caller whose process has been attested; lives as long as its connection. */
export interface Workload {
  /** For log and audit: `process 4711 (uid 1000, /usr/bin/node)`, `pod foo/web-1`. */
  readonly name: string;
  entitlement(): Entitlement;
  /** Calls back after each change of `entitlement()`; answers how to stop that. */
  subscribe(follower: () => void): () => void;
  /**
   * One token for each identity of the workload, or for the one asked for (S8); the default identity's first.
   * @throws ERR_WORKLOAD_NOT_ENTITLED, ERR_CA_CALL_RETRYABLE, ERR_CA_CALL_REFUSED
   */
  createJwtSvids(request: JwtSvidRequest, signal: AbortSignal): Promise<readonly ServedJwtSvid[]>;
  /** The connection has ended: nothing is renewed for its sake any more. */
  release(): void;
}

/** Finds out who a process is. */
export interface WorkloadAttestor {
  /**
   * @throws ERR_WORKLOAD_ATTESTATION when it cannot be found out, or the process has ended meanwhile (S10);
   * ERR_WORKLOAD_NOT_ENTITLED for a process that has no identity here, whatever else it is (S3)
   */
  attest(peer: WorkloadPeer, signal: AbortSignal): Promise<Workload>;
}
