/** A certificate authority over ports in memory, with everything that a test wants to look at or to break. */
import { hash } from "node:crypto";
import { type Random, Secret, silentLog, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { type JsonObject, signJws } from "@symbolon/spiffe/jwt";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import {
  type Certificate,
  type CertificateSigningRequestOptions,
  certificateSigningRequestToPem,
  createCertificateSigningRequest,
  createKeyPair,
  encodePem,
  parseCertificatesPem,
  parsePrivateKeyPem,
  parseSinglePem,
} from "@symbolon/spiffe/x509";
import {
  type BoundPod,
  type CertificateAuthority,
  type CertificateAuthorityOptions,
  type CreateCertificateRequest,
  createCertificateAuthority,
  type IssuanceLog,
  type IssuanceRecord,
  loadTokenIssuer,
  type SecretDirectory,
  type ServiceAccountTokenRequest,
  type TokenIssuer,
} from "../../packages/symbolon/src/ca/index.ts";
import { type AuditEvent, productError, type RegistrationEntry } from "../../packages/symbolon/src/core/index.ts";

export const TRUST_DOMAIN = TrustDomain.parse("cluster.local");
export const TOKEN_ISSUER = "https://token-issuer.symbolon.test";
export const WEB_POD: BoundPod & { readonly uid: string } = {
  uid: "11111111-1111-4111-8111-111111111111",
  name: "web-1",
  namespace: "foo",
  serviceAccount: "web",
};
export const WEB_ID = SpiffeId.parse("spiffe://cluster.local/ns/foo/sa/web");

export interface MemoryDirectory extends SecretDirectory {
  readonly files: Map<string, Buffer>;
}

export function memoryDirectory(files: Readonly<Record<string, string | Buffer>> = {}): MemoryDirectory {
  const stored = new Map(Object.entries(files).map(([name, content]) => [name, Buffer.from(content)]));
  const copyOf = (name: string) => {
    const content = stored.get(name);
    return content && Buffer.from(content);
  };
  return {
    files: stored,
    pathOf: (name) => `/ca/${name}`,
    async readSecret(name) {
      const content = copyOf(name);
      return content && new Secret(content);
    },
    readPublic: async (name) => copyOf(name),
    async writeSecret(name, content) {
      stored.set(name, Buffer.from(content.expose()));
    },
    async writePublic(name, content) {
      stored.set(name, Buffer.from(content));
    },
  };
}

export interface MemoryIssuances extends IssuanceLog {
  readonly records: IssuanceRecord[];
  readonly signed: Set<string>;
  /** Thrown by the next `record`. */
  failure?: Error;
}

export function memoryIssuances(): MemoryIssuances {
  const records: IssuanceRecord[] = [];
  const log: MemoryIssuances = {
    records,
    signed: new Set(),
    async record(batch) {
      if (log.failure) throw log.failure;
      for (const next of batch) {
        const other = records.find(
          ({ publicKey, spiffeId }) => Buffer.compare(publicKey, next.publicKey) === 0 && spiffeId !== next.spiffeId,
        );
        if (other)
          throw productError("ERR_CSR_KEY_REUSED", "the public key of the request was certified for another identity");
        records.push(next);
      }
    },
    markSigned(serialNumbers) {
      for (const serialNumber of serialNumbers) log.signed.add(serialNumber);
    },
    async findBySerial(serialNumber) {
      const index = records.findIndex((record) => record.serialNumber === serialNumber);
      const record = records[index];
      if (!record) return undefined;
      const { publicKey, tbs, issuerPublicKey, ...rest } = record;
      const hashes = {
        publicKeySha256: sha256Hex(publicKey),
        tbsSha256: sha256Hex(tbs),
        issuerPublicKeySha256: sha256Hex(issuerPublicKey),
      };
      return { ...rest, ...hashes, sequence: index + 1, status: log.signed.has(serialNumber) ? "signed" : "recorded" };
    },
    list: async () => [],
    count: async () => records.length,
    newestRecordTime: async () => records.at(-1)?.recordedAt,
  };
  return log;
}

const sha256Hex = (bytes: Uint8Array): string => hash("sha256", bytes, "hex");

export interface CaFixture {
  readonly ca: CertificateAuthority;
  readonly clock: FakeClock;
  readonly audit: AuditEvent[];
  readonly issuances: MemoryIssuances;
  readonly pods: Map<string, BoundPod>;
  /** By id. */
  readonly entries: Map<string, RegistrationEntry>;
  readonly tokens: TokenIssuer;
  readonly stateDirectory: MemoryDirectory;
  token(changes?: Partial<ServiceAccountTokenRequest>): Secret<string>;
  /** Any claims at all, signed with the token issuer's own key. */
  forgedToken(changes: JsonObject): string;
  request(changes?: Partial<CreateCertificateRequest>): CreateCertificateRequest;
}

export interface CaFixtureOptions extends Partial<CertificateAuthorityOptions> {
  readonly clock?: FakeClock;
  readonly random?: Random;
  readonly stateDirectory?: MemoryDirectory;
  readonly issuances?: MemoryIssuances;
}

export async function createCaFixture(options: CaFixtureOptions = {}): Promise<CaFixture> {
  const clock = options.clock ?? createFakeClock();
  const random = options.random ?? systemRandom;
  const audit: AuditEvent[] = [];
  const issuances = options.issuances ?? memoryIssuances();
  const pods = new Map<string, BoundPod>([[WEB_POD.uid, WEB_POD]]);
  const entries = new Map<string, RegistrationEntry>();
  const stateDirectory = options.stateDirectory ?? memoryDirectory();
  const tokenDirectory = memoryDirectory();
  const tokens = await loadTokenIssuer({ issuer: TOKEN_ISSUER, directory: tokenDirectory, clock, random });
  const ca = await createCertificateAuthority({
    trustDomain: TRUST_DOMAIN,
    tokens: { issuer: TOKEN_ISSUER, audiences: ["istio-ca"], keySet: () => tokens.keySet },
    pods: { findPod: async (uid) => pods.get(uid) },
    entries: { findEntry: (id) => entries.get(id) },
    audit: {
      write: async (event) => {
        audit.push(event);
      },
    },
    log: silentLog,
    ...options,
    clock,
    random,
    issuances,
    stateDirectory,
  });
  audit.length = 0;
  issuances.records.length = 0;

  const token = (changes: Partial<ServiceAccountTokenRequest> = {}): Secret<string> =>
    tokens.issueServiceAccountToken({
      namespace: WEB_POD.namespace,
      serviceAccount: WEB_POD.serviceAccount,
      podName: WEB_POD.name,
      podUid: WEB_POD.uid,
      audiences: ["istio-ca"],
      lifetimeSeconds: 3600,
      ...changes,
    }).token;

  const forgedToken = (changes: JsonObject): string => {
    const [, payload = ""] = token().expose().split(".");
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as JsonObject;
    const [key] = tokenDirectory.files.values();
    const [jwk] = tokens.jwks.keys;
    if (!key || !jwk) throw new Error("the token issuer has no key");
    return signJws({ ...claims, ...changes }, { kid: jwk.kid, privateKey: parsePrivateKeyPem(key) });
  };

  return {
    ca,
    clock,
    audit,
    issuances,
    pods,
    entries,
    tokens,
    stateDirectory,
    token,
    forgedToken,
    request: (changes = {}) => ({
      csrPem: csrPem(),
      requestedLifetimeSeconds: 0n,
      credentials: { certificateChain: [], peerAddress: "10.244.0.5:40000", token: token() },
      ...changes,
    }),
  };
}

/** One certificate as a caller gets it, read. */
export async function createAndParse(fixture: CaFixture, changes: Partial<CreateCertificateRequest> = {}) {
  const created = await fixture.ca.createCertificate(fixture.request(changes));
  const chain = created.certificateChainPem.map((pem) => single(parseCertificatesPem(pem)));
  return { ...created, chain, leaf: single(chain.slice(0, 1)) };
}

function single(certificates: readonly Certificate[]): Certificate {
  const [certificate] = certificates;
  if (!certificate || certificates.length !== 1) throw new Error(`${certificates.length} certificates`);
  return certificate;
}

/** A request of Istio's shape: empty subject, one URI SAN. */
export function csrPem(options: Partial<CertificateSigningRequestOptions> = {}): string {
  const keyPair = options.keyPair ?? createKeyPair();
  return certificateSigningRequestToPem(createCertificateSigningRequest({ spiffeId: WEB_ID, ...options, keyPair }));
}

export const failureOf = (
  work: Promise<unknown>,
): Promise<{ code: string; message: string; details: Record<string, unknown> }> =>
  work.then(
    () => Promise.reject(new Error("expected a rejection")),
    (error) => error,
  );

/** A good request whose bytes somebody changed. */
export function changedCsr(change: (der: Buffer) => Uint8Array): string {
  return encodePem("CERTIFICATE REQUEST", change(Buffer.from(parseSinglePem(csrPem(), "CERTIFICATE REQUEST"))));
}

/** The end of a CSR is its signature. */
export function flipLastBits(der: Buffer): Buffer {
  const at = der.length - 3;
  der.writeUInt8(der.readUInt8(at) ^ 1, at);
  return der;
}

/** Made with OpenSSL: our own builder refuses such a key. */
export const RSA_1024_CSR = `-----BEGIN CERTIFICATE REQUEST-----
MIIBPzCBqQIBADAAMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDZSPcAgpuw
2EzRTVb+3pDUU1/90aMNO0cwz+dZp4qLrINWG8aTTYzSeTvuKc8LwjX8/JV+PUlF
LkEnRkKTati7c42PzxAwOI3q1SG/o4uz/ra7Uy2w+cc+Q9kdeiKQJOMLznjR4f+/
ZP3AuNQtCIOxi/Vlbjco74iasZ8P952YzwIDAQABoAAwDQYJKoZIhvcNAQELBQAD
gYEAs0J13vQsbDLvPj+T8G7GiZaqDxkut73xFOEo5OCscvf1YcIdgb7EZIvF3Z0z
fWoGz02h/mXYNaM+pnnG5hbgcga8u18bnBRiqWiWzjItyIDRa5DZd8GzcGREB4R6
F/THVEkS+MkOIZpww+4rEU4dkTnCp35QmnkfPZAuKw202LQ=
-----END CERTIFICATE REQUEST-----
`;
