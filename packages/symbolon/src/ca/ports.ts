import type { Secret } from "@symbolon/spiffe/core";
import type { RegistrationEntry } from "../core/index.ts";

/** What is asked of the CA, already free of wire types. */
export interface CreateCertificateRequest {
  readonly csrPem: string;
  /** Zero or less asks for the default (istio-security §5.5). */
  readonly requestedLifetimeSeconds: bigint;
  /** Identity that the caller wants instead of its own (istio-security §5.4). */
  readonly impersonatedIdentity?: string;
  readonly credentials: CallerCredentials;
}

export interface CallerCredentials {
  /** Certificates that the TLS peer presented and proved possession of, leaf first, as DER; empty without any. */
  readonly certificateChain: readonly Uint8Array[];
  /** Text behind `authorization: Bearer`. */
  readonly token?: Secret<string>;
  /** Where the call came from, for the audit line. */
  readonly peerAddress: string;
}

/** Istio's answer order: leaf, each intermediate as its own element, and all roots together (istio-security §5.1). */
export interface CreatedCertificate {
  readonly certificateChainPem: readonly string[];
  /** The same without the roots, as DER: leaf, then intermediates. */
  readonly certificateChain: readonly Uint8Array[];
  readonly rootsPem: string;
  readonly serialNumber: string;
  readonly notAfter: Date;
}

/** What an agent asks for in the name of a registration entry. */
export interface CreateEntrySvidRequest {
  readonly entryId: string;
  /** DER. */
  readonly csr: Uint8Array;
}

/** @throws ERR_OBJECT_NOT_FOUND, ERR_CSR_*, ERR_KEY_*, ERR_CA_*, ERR_ISSUANCE_LOG_*, ERR_AUDIT_* */
export type CreateEntrySvid = (request: CreateEntrySvidRequest) => Promise<CreatedCertificate>;

/** Which registration entries exist now. */
export interface EntryLookup {
  findEntry(id: string): RegistrationEntry | undefined;
}

export type CreateCertificate = (request: CreateCertificateRequest) => Promise<CreatedCertificate>;

/** What the log keeps of a certificate before the CA's key touches it. */
export interface IssuanceRecord {
  /** Lower-case hex of the serial number's octets. */
  readonly serialNumber: string;
  readonly kind: "workload" | "server";
  readonly spiffeId: string;
  /** SPIFFE ID or service account that asked; "symbolon" for the CA's own server certificate. */
  readonly caller: string;
  readonly authenticator: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly recordedAt: Date;
  /** DER SubjectPublicKeyInfo that is certified. */
  readonly publicKey: Uint8Array;
  /** DER TBSCertificate that was linted and is about to be signed. */
  readonly tbs: Uint8Array;
  /** DER SubjectPublicKeyInfo of the issuer. */
  readonly issuerPublicKey: Uint8Array;
}

/**
 * "recorded": the signature was allowed; whether a certificate exists is not known (SR-21).
 * "signed": the signature was made.
 */
export type IssuanceStatus = "recorded" | "signed";

/** The keys and the signed bytes are kept as their SHA-256, in hex. */
export interface StoredIssuance extends Omit<IssuanceRecord, "publicKey" | "tbs" | "issuerPublicKey"> {
  readonly publicKeySha256: string;
  readonly tbsSha256: string;
  readonly issuerPublicKeySha256: string;
  /** Grows with each record, never reused. */
  readonly sequence: number;
  readonly status: IssuanceStatus;
}

/**
 * The append-only list of everything the CA signed. `record` resolves once the whole batch is as durable as the store
 * can make it; a rejection means that none of the batch may be signed. It refuses a serial number that was ever
 * recorded, and a public key that was recorded for another identity (SR-16).
 */
export interface IssuanceLog {
  record(batch: readonly IssuanceRecord[]): Promise<void>;
  /** Best effort: after a crash a signed certificate may still read "recorded". */
  markSigned(serialNumbers: readonly string[]): void;
  findBySerial(serialNumber: string): Promise<StoredIssuance | undefined>;
  /** Newest first. */
  list(query: { readonly limit: number; readonly beforeSequence?: number }): Promise<readonly StoredIssuance[]>;
  count(): Promise<number>;
  /** Time of the newest record, against a clock that went backwards (RR-23). */
  newestRecordTime(): Promise<Date | undefined>;
}

/** One directory of small files that nobody else may read or change. */
export interface SecretDirectory {
  /** Path of a file, for messages. */
  pathOf(name: string): string;
  /** Undefined when there is no such file; refuses one that others may read or write, that another owns, or a symbolic link (SR-09). */
  readSecret(name: string): Promise<Secret<Buffer> | undefined>;
  /** For certificates: refuses a file that others may write. */
  readPublic(name: string): Promise<Buffer | undefined>;
  /** Whole or not at all: after a crash the file is the old one or the new one (RR-21). */
  writeSecret(name: string, content: Secret<Buffer>): Promise<void>;
  writePublic(name: string, content: Buffer): Promise<void>;
}

export interface BoundPod {
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** Which pods exist now: a token is worth no more than the pod it is bound to (SR-12). */
export interface PodLookup {
  findPod(uid: string): Promise<BoundPod | undefined>;
}

/** What a TLS server shows of itself; the key is PEM. */
export interface ServerIdentity {
  readonly certificateChainPem: string;
  readonly keyPem: Secret<Buffer>;
}
