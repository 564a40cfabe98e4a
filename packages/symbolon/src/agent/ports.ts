import type { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import type { Secret } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";
import type { RegistrationEntry } from "../core/index.ts";
import type { Selector, WorkloadPeer } from "./workload.ts";

/** The CA as the agent needs it; `adapters/grpc` speaks Istio's CSR service behind it. */
export interface CertificateClient {
  /** One try; coded errors, ERR_CA_CALL_REFUSED when asking again with the same credential is of no use. */
  createCertificate(request: CertificateClientRequest, signal: AbortSignal): Promise<ReceivedCertificate>;
  close(): void;
}

export interface CertificateClientRequest {
  readonly csrPem: string;
  readonly validitySeconds: number;
  readonly token?: Secret<string>;
  /** For a renewal without a usable token: the current SVID and its key. */
  readonly clientCertificate?: { readonly chainPem: string; readonly keyPem: Secret<Buffer> };
}

export interface ReceivedCertificate {
  /** Leaf first, then intermediates, each one PEM text. */
  readonly certificateChainPem: readonly string[];
  readonly rootsPem: string;
}

/** The pod's projected token, read anew for each call, because whoever projects it replaces it. */
export interface TokenSource {
  /** Undefined when there is none. */
  readToken(path: string): Promise<Secret<string> | undefined>;
}

/** A pod that may have an identity. */
export interface RegisteredWorkload {
  readonly podUid: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly tokenPath: string;
}

/** Finds out facts about a process outside pods: its user, its program, its unit. `adapters/os` asks the kernel. */
export interface ProcessAttestor {
  /** @throws ERR_WORKLOAD_ATTESTATION when they cannot be found out, or the process has ended meanwhile (S10) */
  attest(peer: WorkloadPeer, signal: AbortSignal): Promise<AttestedProcess>;
}

/** Facts that hold while the peer is alive. */
export interface AttestedProcess {
  /** All but the program's digest, each once. */
  readonly selectors: readonly Selector[];
  /**
   * `unix:sha256` of the program of which `selectors` tell: reading a large one takes a second, so it is asked for only when
   * an entry depends on it. However many ask, few programs are read at the same time; the others wait in order.
   * @throws ERR_WORKLOAD_ATTESTATION when the program is too large, may not be read, or is another one by now
   */
  programDigest(): Promise<Selector>;
}

/** Which processes are part of which pod; `adapters/os` asks the kernel. */
export interface PodProcesses {
  /** False as well when it cannot be seen. */
  isInPod(podUid: string, pid: number): boolean;
}

/** Everything that an agent is told: always complete (S2). */
export interface NodeState {
  /** That of the own trust domain is always there. */
  readonly bundles: BundleSet;
  readonly jwtBundles: JwtBundleSet;
  /** In the order in which a process gets its identities (S6). */
  readonly entries: readonly RegistrationEntry[];
}

/** What the agent asks of the CA of its machine; `adapters/grpc` speaks `symbolon.agent.v1.AgentService` behind it. */
export interface NodeClient {
  /**
   * Calls back with each state until the signal, or until the connection ends: that is an error.
   * @param problem what is wrong with this agent; the CA's process says so for as long as this call lasts
   * @throws ERR_CA_CALL_RETRYABLE, ERR_CA_CALL_REFUSED
   */
  watchNode(follower: (state: NodeState) => void, signal: AbortSignal, problem?: string): Promise<void>;
  /**
   * The entry decides what the certificate says; of the request (DER) only the key counts. DER, leaf first.
   * @throws ERR_CA_CALL_RETRYABLE, ERR_CA_CALL_REFUSED
   */
  createX509Svid(
    request: { readonly entryId: string; readonly csr: Uint8Array },
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]>;
  /** @throws ERR_CA_CALL_RETRYABLE, ERR_CA_CALL_REFUSED */
  createJwtSvid(request: CreateJwtSvid, signal: AbortSignal): Promise<CreatedJwtSvid>;
  close(): void;
}

export interface CreateJwtSvid {
  /** A registration entry, or a pod that proves itself by its service account token. */
  readonly caller: { readonly entryId: string } | { readonly serviceAccountToken: Secret<string> };
  /** At least one, none empty. */
  readonly audiences: readonly string[];
}

export interface CreatedJwtSvid {
  readonly spiffeId: SpiffeId;
  /** Compact JWS. */
  readonly token: Secret<string>;
  readonly expiresAt: Date;
}
