import type { X509Bundle } from "@symbolon/spiffe/bundle";
import type { Clock, Log, Observable, Random } from "@symbolon/spiffe/core";
import { SpiffeId, type TrustDomain } from "@symbolon/spiffe/id";
import type { AuditSink } from "../core/index.ts";
import { createClientCertificateAuthenticator } from "./authenticate-client-certificate.ts";
import { createServiceAccountTokenAuthenticator, type TokenTrust } from "./authenticate-service-account-token.ts";
import { createCaCounters } from "./counters.ts";
import { createCertificateUseCase } from "./create-certificate.ts";
import { createEntrySvidUseCase } from "./create-entry-svid.ts";
import { type CreateWorkloadJwtSvid, createWorkloadJwtSvidUseCase } from "./create-workload-jwt-svid.ts";
import { createIssuanceProfile, type IssuanceProfileConfig } from "./issuance-profile.ts";
import { createIssuer } from "./issue-certificate.ts";
import type { JwtAuthority } from "./jwt-authority.ts";
import { loadJwtAuthority } from "./load-jwt-authority.ts";
import { loadPluggedInAuthority } from "./plugged-in-authority.ts";
import type {
  CreateCertificate,
  CreateEntrySvid,
  EntryLookup,
  IssuanceLog,
  PodLookup,
  SecretDirectory,
  ServerIdentity,
} from "./ports.ts";
import { loadSelfSignedAuthority } from "./self-signed-authority.ts";
import type { SerialPrefix } from "./serial-number.ts";
import { startServerCertificate } from "./server-certificate.ts";
import type { SigningAuthority } from "./signing-authority.ts";

export interface CertificateAuthorityOptions {
  readonly trustDomain: TrustDomain;
  /** Where the self-signed root is kept. */
  readonly stateDirectory: SecretDirectory;
  /** An organisation's own CA files; then no root of our own is made. */
  readonly pluggedIn?: SecretDirectory;
  readonly issuances: IssuanceLog;
  readonly tokens: TokenTrust;
  readonly pods: PodLookup;
  readonly entries: EntryLookup;
  readonly profile?: IssuanceProfileConfig;
  /** Of JWT-SVIDs; ES256 if absent. */
  readonly jwtAlgorithm?: "ES256" | "RS256";
  /** Of the CA's own server certificate; the names of Istio's control plane and loopback, if absent. */
  readonly serverNames?: { readonly dnsNames: readonly string[]; readonly ipAddresses: readonly string[] };
  readonly serialPrefix?: SerialPrefix;
  readonly audit: AuditSink;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface CertificateAuthority {
  readonly createCertificate: CreateCertificate;
  /** For registration entries, asked for by agents of this machine. */
  readonly createEntrySvid: CreateEntrySvid;
  /** For registration entries and pods, asked for by agents of this machine. */
  readonly createWorkloadJwtSvid: CreateWorkloadJwtSvid;
  /** What every workload must trust. */
  readonly bundle: X509Bundle;
  /** Issues JWT-SVIDs, and has the bundle document with all authorities. */
  readonly jwt: JwtAuthority;
  /** The same as a file: `root-cert.pem` of every pod. */
  readonly rootsPem: string;
  readonly kind: SigningAuthority["kind"];
  /** For the CA's TLS server; follows renewals. */
  readonly serverIdentity: Observable<ServerIdentity>;
  /** By Istio's metric names. */
  counters(): Readonly<Record<string, number>>;
  close(): void;
}

const ROOT_NAMESPACE = "istio-system";
const SERVICE = "istiod";
const SERVER_LIFETIME_SECONDS = 24 * 60 * 60;
const SERVER_NAMES = {
  dnsNames: [`${SERVICE}.${ROOT_NAMESPACE}.svc`, `${SERVICE}.${ROOT_NAMESPACE}.svc.cluster.local`, "localhost"],
  ipAddresses: ["127.0.0.1"],
} as const;

/**
 * The whole CA over its ports. It exists only when its authority is sound: a wrong file is an error here, at the start.
 * @throws ERR_CA_FILES_INVALID, ERR_CA_PASSPHRASE, ERR_FILE_*, ERR_CONFIG_INVALID, ERR_ISSUANCE_LOG_*
 */
export async function createCertificateAuthority(options: CertificateAuthorityOptions): Promise<CertificateAuthority> {
  const { trustDomain, issuances, tokens, pods, audit, clock, random, log, serverNames = SERVER_NAMES } = options;
  const profile = createIssuanceProfile(options.profile);
  const authority = options.pluggedIn
    ? await loadPluggedInAuthority({ trustDomain, directory: options.pluggedIn, clock })
    : await loadSelfSignedAuthority({ ...options, directory: options.stateDirectory });
  const newestRecordTime = await issuances.newestRecordTime();
  const { serialPrefix } = options;
  const issue = createIssuer({
    authority,
    profile,
    issuances,
    audit,
    clock,
    random,
    log,
    newestRecordTime,
    ...(serialPrefix === undefined ? {} : { serialPrefix }),
  });
  const jwt = await loadJwtAuthority({
    trustDomain,
    directory: options.stateDirectory,
    x509Bundle: authority.bundle,
    ...(options.jwtAlgorithm === undefined ? {} : { algorithm: options.jwtAlgorithm }),
    audit,
    clock,
    log,
  });
  const counters = createCaCounters();
  const serviceAccounts = createServiceAccountTokenAuthenticator({ trustDomain, trust: tokens, pods, clock });
  const server = await startServerCertificate({
    issue,
    spiffeId: SpiffeId.fromSegments(trustDomain, "ns", ROOT_NAMESPACE, "sa", SERVICE),
    ...serverNames,
    lifetimeSeconds: Math.min(SERVER_LIFETIME_SECONDS, profile.maxLifetimeSeconds),
    clock,
    random,
    log,
  });
  return {
    createCertificate: createCertificateUseCase({
      // Istio's order (istio-security §5.2).
      authenticators: [
        createClientCertificateAuthenticator({ bundle: () => authority.bundle, issuances, clock }),
        serviceAccounts,
      ],
      authority,
      issue,
      audit,
      counters,
      log,
    }),
    createEntrySvid: createEntrySvidUseCase({ entries: options.entries, authority, issue, audit, counters, log }),
    createWorkloadJwtSvid: createWorkloadJwtSvidUseCase({
      entries: options.entries,
      serviceAccounts,
      authority: jwt,
      audit,
      log,
    }),
    jwt,
    bundle: authority.bundle,
    rootsPem: authority.rootsPem,
    kind: authority.kind,
    serverIdentity: server.identity,
    counters: () => ({ ...counters.read(), ...expiryGauges(authority, clock.now()) }),
    close() {
      server.close();
      jwt.close();
    },
  };
}

/** Seconds, as Istio's gauges of the same names. */
function expiryGauges(authority: SigningAuthority, now: Date): Readonly<Record<string, number>> {
  const rootExpiry = Math.min(...authority.bundle.x509Authorities.map(({ notAfter }) => notAfter.getTime())) / 1000;
  const chainExpiry = authority.validity.notAfter.getTime() / 1000;
  const nowSeconds = now.getTime() / 1000;
  return {
    citadel_server_root_cert_expiry_timestamp: rootExpiry,
    citadel_server_root_cert_expiry_seconds: rootExpiry - nowSeconds,
    citadel_server_cert_chain_expiry_timestamp: chainExpiry,
    citadel_server_cert_chain_expiry_seconds: chainExpiry - nowSeconds,
  };
}
