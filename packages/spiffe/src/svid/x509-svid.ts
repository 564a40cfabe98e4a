import type { KeyObject } from "node:crypto";
import { equalBytes, isSymbolonError, type SpiffeErrorCode, spiffeError } from "../core/index.ts";
import type { SpiffeId } from "../id/index.ts";
import {
  type Certificate,
  certificatesToPem,
  parseCertificatesDer,
  parseCertificatesPem,
  parsePrivateKeyPem,
  spkiOf,
} from "../x509/index.ts";
import { spiffeIdOf } from "./leaf-spiffe-id.ts";

const INSPECT = Symbol.for("nodejs.util.inspect.custom");

/**
 * A workload's own X.509-SVID with its private key. Immutable. The key is out of reach of logs, `inspect()` and JSON;
 * it is exported only where it goes to its owner.
 */
export class X509Svid {
  readonly spiffeId: SpiffeId;
  readonly leaf: Certificate;
  /** Leaf first, then intermediates; without the trust anchor. */
  readonly chain: readonly Certificate[];
  readonly #privateKey: KeyObject;

  private constructor(spiffeId: SpiffeId, chain: readonly [Certificate, ...Certificate[]], privateKey: KeyObject) {
    this.spiffeId = spiffeId;
    this.leaf = chain[0];
    this.chain = Object.freeze([...chain]);
    this.#privateKey = privateKey;
  }

  /**
   * The checks of go-spiffe on an SVID of one's own (spiffe.md §2.2 point 10); no signature and no time is checked,
   * as the bundle may arrive later.
   * @throws ERR_SVID_*
   */
  static fromCertificates(certificates: readonly Certificate[], privateKey: KeyObject): X509Svid {
    const [leaf, ...signing] = certificates;
    if (!leaf) throw invalid("ERR_SVID_EMPTY_CHAIN", "no certificates found");
    const spiffeId = checkLeaf(leaf);
    checkSigning(signing);
    if (privateKey.type !== "private" || !equalBytes(spkiOf(privateKey), leaf.spki)) {
      const message = "x509svid: private key validation failed: leaf certificate does not match private key";
      throw spiffeError("ERR_SVID_KEY_MISMATCH", message);
    }
    return new X509Svid(spiffeId, [leaf, ...signing], privateKey);
  }

  get privateKey(): KeyObject {
    return this.#privateKey;
  }

  get serialNumber(): bigint {
    return this.leaf.serialNumber;
  }

  get notBefore(): Date {
    return this.leaf.notBefore;
  }

  get notAfter(): Date {
    return this.leaf.notAfter;
  }

  certificateChainPem(): string {
    return certificatesToPem(this.chain);
  }

  toJSON(): Record<string, unknown> {
    const { spiffeId, leaf } = this;
    return {
      spiffeId: spiffeId.toString(),
      serialNumber: leaf.serialNumberHex,
      notAfter: leaf.notAfter.toISOString(),
      privateKey: "[redacted]",
    };
  }

  toString(): string {
    return `X509Svid(${this.spiffeId.toString()}, ${this.leaf.serialNumberHex})`;
  }

  [INSPECT](): string {
    return this.toString();
  }
}

/**
 * @param chain PEM text, or concatenated DER, or parsed certificates; leaf first
 * @param privateKey a KeyObject, or PEM (PKCS#8, SEC 1 or PKCS#1)
 * @throws ERR_SVID_*; the cause tells ERR_PEM_*, ERR_X509_* or ERR_DER_*
 */
export function parseX509Svid(
  chain: string | Uint8Array | readonly Certificate[],
  privateKey: KeyObject | string | Uint8Array,
): X509Svid {
  return X509Svid.fromCertificates(readChain(chain), readPrivateKey(privateKey));
}

function readChain(chain: string | Uint8Array | readonly Certificate[]): readonly Certificate[] {
  try {
    if (typeof chain === "string") return parseCertificatesPem(chain);
    if (!(chain instanceof Uint8Array)) return chain;
    return chain[0] === 0x30 ? parseCertificatesDer(chain) : parseCertificatesPem(chain);
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    const message = `x509svid: cannot parse certificate: ${cause.message}`;
    throw spiffeError("ERR_SVID_CERTIFICATE_UNREADABLE", message, { cause });
  }
}

function readPrivateKey(privateKey: KeyObject | string | Uint8Array): KeyObject {
  if (typeof privateKey !== "string" && !(privateKey instanceof Uint8Array)) return privateKey;
  try {
    return parsePrivateKeyPem(privateKey);
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    throw spiffeError("ERR_SVID_KEY_UNREADABLE", "x509svid: cannot parse PEM encoded private key", { cause });
  }
}

function checkLeaf(leaf: Certificate): SpiffeId {
  const spiffeId = leafSpiffeId(leaf);
  if (spiffeId.path === "") {
    throw invalid("ERR_SVID_PATH_MISSING", "leaf certificate SPIFFE ID must have a non-root path");
  }
  const { basicConstraints, keyUsage } = leaf.extensions;
  if (basicConstraints?.ca) throw invalid("ERR_SVID_LEAF_CA", "leaf certificate must not have CA flag set to true");
  if (!keyUsage?.usages.has("digitalSignature")) {
    const message = "leaf certificate must have 'digitalSignature' set as key usage";
    throw invalid("ERR_SVID_LEAF_DIGITAL_SIGNATURE", message);
  }
  if (keyUsage.usages.has("keyCertSign")) {
    throw invalid("ERR_SVID_LEAF_KEY_CERT_SIGN", "leaf certificate must not have 'keyCertSign' set as key usage");
  }
  if (keyUsage.usages.has("cRLSign")) {
    throw invalid("ERR_SVID_LEAF_CRL_SIGN", "leaf certificate must not have 'cRLSign' set as key usage");
  }
  return spiffeId;
}

function leafSpiffeId(leaf: Certificate): SpiffeId {
  try {
    return spiffeIdOf(leaf);
  } catch (cause) {
    if (!isSymbolonError(cause)) throw cause;
    // `spiffeIdOf` throws this package's codes alone.
    throw invalid(cause.code as SpiffeErrorCode, `cannot get leaf certificate SPIFFE ID: ${cause.message}`, cause);
  }
}

function checkSigning(signing: readonly Certificate[]): void {
  for (const { extensions } of signing) {
    if (!extensions.basicConstraints?.ca) {
      throw invalid("ERR_SVID_SIGNING_NOT_CA", "signing certificate must have CA flag set to true");
    }
    if (!extensions.keyUsage?.usages.has("keyCertSign")) {
      const message = "signing certificate must have 'keyCertSign' set as key usage";
      throw invalid("ERR_SVID_SIGNING_KEY_CERT_SIGN", message);
    }
  }
}

function invalid(code: SpiffeErrorCode, message: string, cause?: unknown) {
  return spiffeError(code, `x509svid: certificate validation failed: ${message}`, cause === undefined ? {} : { cause });
}
