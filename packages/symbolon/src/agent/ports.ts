import type { Secret } from "@symbolon/spiffe/core";
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
  /**
   * All facts that hold while the peer is alive, each once.
   * @throws ERR_WORKLOAD_ATTESTATION when they cannot be found out, or the process has ended meanwhile (S10)
   */
  attest(peer: WorkloadPeer, signal: AbortSignal): Promise<readonly Selector[]>;
}
