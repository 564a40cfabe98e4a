import type { BundleSet } from "../bundle/index.ts";
import { isSymbolonError, type SpiffeErrorCode, spiffeError } from "../core/index.ts";
import type { SpiffeId } from "../id/index.ts";
import {
  buildPath,
  type Certificate,
  DEFAULT_PATH_LIMITS,
  OID,
  type PathLimits,
  parseCertificate,
} from "../x509/index.ts";
import { spiffeIdOf } from "./leaf-spiffe-id.ts";

export interface VerifyX509SvidOptions {
  readonly now: Date;
  readonly limits?: Partial<PathLimits>;
}

/** Who the peer is, and for how long the path that proves it holds. */
export interface VerifiedPeer {
  readonly spiffeId: SpiffeId;
  readonly leaf: Certificate;
  /** Leaf first, the bundle's authority last. */
  readonly chain: readonly Certificate[];
  /** Of the leaf. */
  readonly serialNumber: bigint;
  /** The latest notBefore of the chain. */
  readonly notBefore: Date;
  /** The earliest notAfter of the chain. */
  readonly notAfter: Date;
}

/** A handshake has a few certificates of a kilobyte or two. */
const MAX_PRESENTED_BYTES = 1024 * 1024;

/**
 * X509-SVID §5: path validation against the bundle of the leaf's own trust domain, and of no other, then the rules for
 * leaves. Whether the peer is the one that was wanted is not asked here. Texts are go-spiffe's.
 * @param presented DER, the leaf first, the rest in any order and with strangers among them (runtime-facts §3)
 * @throws ERR_SVID_*, ERR_BUNDLE_NOT_FOUND, ERR_X509_TOO_MANY_CERTIFICATES; the path's fault (ERR_X509_*, ERR_KEY_*)
 *   is the cause of ERR_SVID_UNTRUSTED
 */
export function verifyX509Svid(
  presented: readonly Uint8Array[],
  bundles: BundleSet,
  options: VerifyX509SvidOptions,
): VerifiedPeer {
  const [leafDer, ...others] = presented;
  if (leafDer === undefined) throw svidError("ERR_SVID_EMPTY_CHAIN", "empty certificates chain");
  checkAmount(presented, options.limits?.maxCandidates ?? DEFAULT_PATH_LIMITS.maxCandidates);
  const leaf = explained("ERR_SVID_CERTIFICATE_UNREADABLE", "unable to parse certificate", () =>
    parseCertificate(leafDer),
  );
  const spiffeId = explained(undefined, "could not get leaf SPIFFE ID", () => spiffeIdOf(leaf));
  checkLeaf(leaf, spiffeId);
  const bundle = explained(undefined, "could not get X509 bundle", () => bundles.require(spiffeId.trustDomain));
  const path = explained("ERR_SVID_UNTRUSTED", "could not verify leaf certificate", () =>
    buildPath(leaf, readableOf(others), bundle.x509Authorities, options.now, options.limits),
  );
  return Object.freeze({
    spiffeId,
    leaf,
    chain: Object.freeze(path),
    serialNumber: leaf.serialNumber,
    notBefore: new Date(Math.max(...path.map(({ notBefore }) => notBefore.getTime()))),
    notAfter: new Date(Math.min(...path.map(({ notAfter }) => notAfter.getTime()))),
  });
}

/** Before anything is parsed: reading what is no certificate costs as much as reading one. */
function checkAmount(presented: readonly Uint8Array[], maxCandidates: number): void {
  if (presented.length - 1 > maxCandidates) {
    const message = `${presented.length - 1} certificates presented besides the leaf, more than ${maxCandidates}`;
    throw svidError("ERR_X509_TOO_MANY_CERTIFICATES", message);
  }
  if (presented.reduce((sum, der) => sum + der.length, 0) > MAX_PRESENTED_BYTES) {
    throw svidError("ERR_SVID_CERTIFICATE_UNREADABLE", `certificates have more than ${MAX_PRESENTED_BYTES} bytes`);
  }
}

/** X509-SVID §5.2 and §4.4. */
function checkLeaf(leaf: Certificate, spiffeId: SpiffeId): void {
  const { basicConstraints, keyUsage, extKeyUsage } = leaf.extensions;
  if (basicConstraints?.ca) throw svidError("ERR_SVID_LEAF_CA", "leaf certificate with CA flag set to true");
  if (keyUsage?.usages.has("keyCertSign")) {
    throw svidError("ERR_SVID_LEAF_KEY_CERT_SIGN", "leaf certificate with KeyCertSign key usage");
  }
  if (keyUsage?.usages.has("cRLSign")) {
    throw svidError("ERR_SVID_LEAF_CRL_SIGN", "leaf certificate with KeyCrlSign key usage");
  }
  if (spiffeId.path === "") {
    throw svidError("ERR_SVID_PATH_MISSING", "leaf certificate SPIFFE ID must have a non-root path");
  }
  if (keyUsage && !keyUsage.usages.has("digitalSignature")) {
    const message = "leaf certificate must have 'digitalSignature' set as key usage";
    throw svidError("ERR_SVID_LEAF_DIGITAL_SIGNATURE", message);
  }
  // §4.4: if present, both. A certificate for another purpose is not an SVID (CVE-2022-21657).
  if (extKeyUsage && ![OID.serverAuth, OID.clientAuth].every((purpose) => extKeyUsage.purposes.includes(purpose))) {
    throw svidError(
      "ERR_SVID_EXT_KEY_USAGE",
      "leaf certificate must have both serverAuth and clientAuth as extended key usage",
    );
  }
}

/**
 * The rest of what was presented may hold certificates that have nothing to do with the leaf. One that cannot be read
 * can be no issuer either, so that skipping it never widens what is trusted.
 */
function readableOf(others: readonly Uint8Array[]): readonly Certificate[] {
  return others.flatMap((der) => {
    try {
      return [parseCertificate(der)];
    } catch (error) {
      if (isSymbolonError(error)) return [];
      throw error;
    }
  });
}

/** Puts go-spiffe's words before a coded error; under `code`, or else under the code that it has. */
function explained<T>(code: SpiffeErrorCode | undefined, words: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    // Only this package's functions run in `attempt`, and they throw its codes alone.
    throw svidError(code ?? (cause.code as SpiffeErrorCode), `${words}: ${cause.message}`, {
      cause,
      details: { ...cause.details, reason: cause.code },
    });
  }
}

function svidError(
  code: SpiffeErrorCode,
  message: string,
  options: { readonly cause?: unknown; readonly details?: Record<string, unknown> } = {},
) {
  return spiffeError(code, `x509svid: ${message}`, options);
}
