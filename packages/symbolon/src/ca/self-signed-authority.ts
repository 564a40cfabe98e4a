import { X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, errorText, type Log, type Random, Secret } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import {
  assembleCertificate,
  buildTbsCertificate,
  type Certificate,
  certificateToPem,
  createKeyPair,
  type KeyPair,
  keyIdentifier,
  keyPairOf,
  lintCertificate,
  OID,
  parseCertificate,
  parseCertificatesPem,
  parsePrivateKeyPem,
  parseTbsCertificate,
  signatureAlgorithmFor,
  signDer,
  verifySignature,
} from "@symbolon/spiffe/x509";
import { privateKeyPem, productError } from "../core/index.ts";
import { checkSigningAuthority } from "./check-signing-authority.ts";
import type { IssuanceLog, SecretDirectory } from "./ports.ts";
import { createSerialNumber } from "./serial-number.ts";
import { keyPairSigner, SigningAuthority } from "./signing-authority.ts";

/** Certificate and key in one file: one rename, so that no crash leaves one without the other. */
const AUTHORITY_FILE = "self-signed-ca.pem";
/** A copy for people and tools, made anew at each start. */
const ROOT_FILE = "root-cert.pem";
const KEY_LABEL = Buffer.from("-----BEGIN PRIVATE KEY-----");

/** CITADEL_SELF_SIGNED_CA_CERT_TTL (istio-security §5.6) */
const LIFETIME_DAYS = 3650;
/** A machine whose clock is behind by less accepts a new mesh at once. */
const BACKDATE_MS = 60 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

export interface SelfSignedAuthorityOptions {
  readonly trustDomain: TrustDomain;
  readonly directory: SecretDirectory;
  readonly issuances: IssuanceLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/**
 * The embedded default: the root that an earlier start made, or a new one at the very first (istio-security §5.6).
 * A state that is broken is never answered with a fresh root: every workload would have to be told (SR-22).
 * @throws ERR_CA_FILES_INVALID, ERR_FILE_*
 */
export async function loadSelfSignedAuthority(options: SelfSignedAuthorityOptions): Promise<SigningAuthority> {
  const { trustDomain, directory, clock } = options;
  const content = await directory.readSecret(AUTHORITY_FILE);
  const path = directory.pathOf(AUTHORITY_FILE);
  const { certificate, keyPair } = content ? parseAuthorityFile(content, path) : await createRoot(options, path);
  const bundle = X509Bundle.fromCertificates(trustDomain, [certificate]);
  const validity = checkSigningAuthority({
    trustDomain,
    certificate,
    keySpki: keyPair.spki,
    intermediates: [],
    bundle,
    now: clock.now(),
    files: { certificate: path, key: path, chain: path, roots: path },
  });
  await directory.writePublic(ROOT_FILE, Buffer.from(bundle.toPem()));
  return new SigningAuthority({
    kind: "self-signed",
    certificate,
    intermediates: [],
    bundle,
    validity,
    signer: keyPairSigner(keyPair),
  });
}

interface RootAndKey {
  readonly certificate: Certificate;
  readonly keyPair: KeyPair;
}

function parseAuthorityFile(content: Secret<Buffer>, path: string): RootAndKey {
  const bytes = content.expose();
  const split = bytes.indexOf(KEY_LABEL);
  try {
    if (split < 0) throw productError("ERR_CA_FILES_INVALID", "it holds no private key");
    const [certificate, ...others] = parseCertificatesPem(bytes.subarray(0, split));
    if (!certificate || others.length > 0)
      throw productError("ERR_CA_FILES_INVALID", `it holds ${others.length + 1} certificates, wanted 1`);
    const { publicKey, signatureAlgorithm, tbsDer, signature } = certificate;
    // A flipped bit anywhere in the certificate breaks its own signature (RR-21).
    if (!verifySignature(publicKey, signatureAlgorithm, tbsDer, signature))
      throw productError("ERR_CA_FILES_INVALID", "the certificate's own signature does not verify");
    return { certificate, keyPair: keyPairOf(parsePrivateKeyPem(bytes.subarray(split))) };
  } catch (cause) {
    throw productError(
      "ERR_CA_FILES_INVALID",
      `"${path}" is damaged: ${errorText(cause)}; restore it from a backup (a new root would cut off every workload)`,
      { cause },
    );
  } finally {
    bytes.fill(0);
  }
}

async function createRoot(options: SelfSignedAuthorityOptions, path: string): Promise<RootAndKey> {
  const { directory, issuances, log } = options;
  const recorded = await issuances.count();
  if (recorded > 0)
    throw productError(
      "ERR_CA_FILES_INVALID",
      `"${path}" is missing, but ${recorded} certificates were issued with it; restore it from a backup (a new root would cut off every workload)`,
    );
  const root = makeRoot(options);
  const key = privateKeyPem(root.keyPair);
  await directory.writeSecret(
    AUTHORITY_FILE,
    new Secret(Buffer.concat([Buffer.from(certificateToPem(root.certificate)), key.expose()])),
  );
  key.expose().fill(0);
  log.info("root certificate made", {
    path,
    serialNumber: root.certificate.serialNumberHex,
    notAfter: root.certificate.notAfter.toISOString(),
  });
  return root;
}

function makeRoot({ trustDomain, clock, random }: SelfSignedAuthorityOptions): RootAndKey {
  const keyPair = createKeyPair("ec-p256");
  const name = [{ oid: OID.organizationName, value: trustDomain.name }];
  const now = clock.now();
  const notBefore = new Date(now.getTime() - BACKDATE_MS);
  const tbs = buildTbsCertificate({
    serialNumber: createSerialNumber(random, now),
    issuer: name,
    subject: name,
    notBefore,
    notAfter: new Date(now.getTime() + LIFETIME_DAYS * DAY_MS),
    spki: keyPair.spki,
    signatureAlgorithm: signatureAlgorithmFor(keyPair.privateKey),
    basicConstraints: { ca: true },
    keyUsage: ["keyCertSign", "cRLSign"],
    subjectKeyId: keyIdentifier(keyPair.spki),
    // X509-SVID §3.2: a signing certificate should be an SVID, and then has no path.
    subjectAltName: { uris: [trustDomain.id().toString()] },
  });
  const [finding] = lintCertificate(parseTbsCertificate(tbs), { role: "authority", now });
  if (finding) throw productError("ERR_CA_LINT_FAILED", `root is not fit to be signed: ${finding.message}`);
  const { algorithm, signature } = signDer(keyPair.privateKey, tbs);
  return { keyPair, certificate: parseCertificate(assembleCertificate(tbs, algorithm, signature)) };
}
