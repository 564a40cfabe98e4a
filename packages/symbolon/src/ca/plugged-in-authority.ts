import { X509Bundle } from "@symbolon/spiffe/bundle";
import { type Clock, errorText } from "@symbolon/spiffe/core";
import type { TrustDomain } from "@symbolon/spiffe/id";
import { type Certificate, keyPairOf, parseCertificatesPem, parsePrivateKeyPem } from "@symbolon/spiffe/x509";
import { productError } from "../core/index.ts";
import { checkSigningAuthority } from "./check-signing-authority.ts";
import type { SecretDirectory } from "./ports.ts";
import { keyPairSigner, SigningAuthority } from "./signing-authority.ts";

/** istio-security §5.7: the secret `cacerts`, all four required. */
const FILES = {
  certificate: "ca-cert.pem",
  key: "ca-key.pem",
  chain: "cert-chain.pem",
  roots: "root-cert.pem",
} as const;

/**
 * An organisation's own CA, from Istio's four files.
 * @throws ERR_CA_FILES_INVALID, ERR_FILE_*
 */
export async function loadPluggedInAuthority(options: {
  readonly trustDomain: TrustDomain;
  readonly directory: SecretDirectory;
  readonly clock: Clock;
}): Promise<SigningAuthority> {
  const { trustDomain, directory, clock } = options;
  const files = {
    certificate: directory.pathOf(FILES.certificate),
    key: directory.pathOf(FILES.key),
    chain: directory.pathOf(FILES.chain),
    roots: directory.pathOf(FILES.roots),
  };
  const [certificatePem, key, chainPem, rootsPem] = await Promise.all([
    directory.readPublic(FILES.certificate),
    directory.readSecret(FILES.key),
    directory.readPublic(FILES.chain),
    directory.readPublic(FILES.roots),
  ]);
  const missing = [
    ...(certificatePem ? [] : [files.certificate]),
    ...(key ? [] : [files.key]),
    ...(chainPem ? [] : [files.chain]),
    ...(rootsPem ? [] : [files.roots]),
  ];
  if (!certificatePem || !key || !chainPem || !rootsPem)
    throw productError(
      "ERR_CA_FILES_INVALID",
      `${missing.map((path) => `"${path}"`).join(", ")} missing; a plug-in CA needs ${Object.values(FILES).join(", ")}`,
    );

  const certificate = singleCertificate(certificatePem, files.certificate);
  const keyPair = readable(files.key, () => keyPairOf(parsePrivateKeyPem(key.expose())));
  key.expose().fill(0);
  const chain = readable(files.chain, () => parseCertificatesPem(chainPem));
  const bundle = readable(files.roots, () => X509Bundle.fromPem(trustDomain, rootsPem));
  const validity = checkSigningAuthority({
    trustDomain,
    certificate,
    keySpki: keyPair.spki,
    intermediates: chain,
    bundle,
    now: clock.now(),
    files,
  });
  // Istio's files may repeat roots in the chain; a client gets them once, as roots.
  const intermediates = withoutDuplicates([certificate, ...chain]).filter((member) => !bundle.has(member));
  return new SigningAuthority({
    kind: "plugged-in",
    certificate,
    intermediates,
    bundle,
    validity,
    signer: keyPairSigner(keyPair),
  });
}

function singleCertificate(pem: Buffer, path: string): Certificate {
  const [certificate, ...others] = readable(path, () => parseCertificatesPem(pem));
  if (!certificate || others.length > 0)
    throw productError(
      "ERR_CA_FILES_INVALID",
      `"${path}" holds ${others.length + 1} certificates, wanted 1; put the others into ${FILES.chain}`,
    );
  return certificate;
}

function readable<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw productError("ERR_CA_FILES_INVALID", `"${path}" cannot be used: ${errorText(cause)}`, { cause });
  }
}

function withoutDuplicates(certificates: readonly Certificate[]): readonly Certificate[] {
  const byDer = new Map(certificates.map((certificate) => [certificate.der.join(), certificate]));
  return [...byDer.values()];
}
