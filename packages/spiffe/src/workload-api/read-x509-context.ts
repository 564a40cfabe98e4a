import type { KeyObject } from "node:crypto";
import { BundleSet, X509Bundle } from "../bundle/index.ts";
import { spiffeError } from "../core/index.ts";
import { type SpiffeId, TrustDomain } from "../id/index.ts";
import { builtinModule } from "../runtime/index.ts";
import { X509Svid } from "../svid/index.ts";
import { parseCertificatesDer } from "../x509/index.ts";
import {
  decodeX509BundlesResponse,
  decodeX509SvidResponse,
  type X509BundlesResponse,
  type X509SvidMessage,
} from "./messages.ts";
import { invalidResponse, keepFirstOfEachHint, readingResponse, requireFields } from "./response-checks.ts";
import type { HintedX509Svid, X509Context } from "./x509-context.ts";

const nodeCrypto = builtinModule("node:crypto");

/**
 * Reads the answer of FetchX509SVID (Workload API §5.2.1): everything that must be there is, each key belongs to its
 * certificate, and each certificate to the SPIFFE ID beside it. The message's bytes of private keys are overwritten.
 * @throws ERR_WORKLOAD_API_RESPONSE_INVALID, whose cause says what is wrong with a certificate, key or bundle
 */
export function readX509Context(message: Uint8Array): X509Context {
  return readingResponse("FetchX509SVID", () => {
    const response = decodeX509SvidResponse(message);
    try {
      const identities = keepFirstOfEachHint(response.svids).map(readIdentity);
      const svids = identities.map(({ svid, hint }) => ({ svid, hint }));
      const [first] = svids;
      if (!first) throw invalidResponse("FetchX509SVID", "no identity in it");
      // The later one counts in a set: an own domain's before a federated one, the default identity's before another's.
      const own = identities.map(({ bundle }) => bundle).reverse();
      const bundles = BundleSet.of(...readBundles(response.federatedBundles), ...own);
      return { svid: first.svid, svids, bundles, crls: response.crls.map((der) => new Uint8Array(der)) };
    } finally {
      for (const { keyDer } of response.svids) keyDer.fill(0);
    }
  });
}

/** Reads the answer of FetchX509Bundles (Workload API §5.2.2). @throws as `readX509Context` */
export function readX509Bundles(message: Uint8Array): BundleSet {
  return readingResponse("FetchX509Bundles", () => {
    const { bundles }: X509BundlesResponse = decodeX509BundlesResponse(message);
    if (bundles.size === 0) throw invalidResponse("FetchX509Bundles", "no bundle in it");
    return BundleSet.of(...readBundles(bundles));
  });
}

function readBundles(bundles: ReadonlyMap<string, Uint8Array>): X509Bundle[] {
  return [...bundles].map(([name, der]) => X509Bundle.fromDer(TrustDomain.parse(name), der));
}

function readIdentity(message: X509SvidMessage): HintedX509Svid & { readonly bundle: X509Bundle } {
  requireFields("FetchX509SVID", {
    spiffe_id: message.spiffeId,
    x509_svid: message.chainDer,
    x509_svid_key: message.keyDer,
    bundle: message.bundleDer,
  });
  const svid = X509Svid.fromCertificates(parseCertificatesDer(message.chainDer), readKey(message.keyDer));
  requireSameId(svid.spiffeId, message.spiffeId);
  const bundle = X509Bundle.fromDer(svid.spiffeId.trustDomain, message.bundleDer);
  return { svid, hint: message.hint, bundle };
}

/** PKCS #8 (Workload API §5.2.1). */
function readKey(der: Uint8Array): KeyObject {
  const { createPrivateKey } = nodeCrypto();
  const copy = Buffer.from(der);
  try {
    return createPrivateKey({ key: copy, format: "der", type: "pkcs8" });
  } catch {
    // Without the cause: a runtime's error may quote what it read.
    throw spiffeError("ERR_KEY_MALFORMED", "private key cannot be read as PKCS #8");
  } finally {
    copy.fill(0);
  }
}

function requireSameId(found: SpiffeId, told: string): void {
  if (found.toString() === told) return;
  const message = `certificate of "${found.toString()}" under the name "${told.slice(0, 200)}"`;
  throw invalidResponse("FetchX509SVID", message);
}
