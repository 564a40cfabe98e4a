import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { Secret } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { parseCertificatesPem } from "@symbolon/spiffe/x509";
import type { WorkloadIdentity } from "../../agent/index.ts";
import { privateKeyPem, productError } from "../../core/index.ts";
import type { ProxyIdentity } from "../../proxy/index.ts";
import { encodeFrame, encodeMessage, parseMessage } from "./frame.ts";

/**
 * An identity is two frames: JSON with everything that is public, then the key as PEM bytes. The key is never a string,
 * so that every copy of it can be wiped (SR-01).
 */
export function encodeIdentity(identity: WorkloadIdentity): { readonly facts: Buffer; readonly key: Buffer } {
  const { svid, bundle } = identity;
  const facts = encodeMessage({
    type: "identity",
    spiffeId: svid.spiffeId.toString(),
    certificateChainPem: svid.certificateChainPem(),
    bundles: [{ trustDomain: bundle.trustDomain.name, pem: bundle.toPem() }],
  });
  const pem = privateKeyPem(svid).expose();
  const key = encodeFrame(pem);
  pem.fill(0);
  return { facts, key };
}

/** "You have no identity (any more)." */
export function encodeNoIdentity(): Buffer {
  return encodeMessage({ type: "none" });
}

export type IdentityFacts = Omit<ProxyIdentity, "privateKeyPem">;

/** Facts of the first frame; undefined for "none". @throws ERR_FRAME_INVALID */
export function decodeIdentityFacts(frame: Buffer): IdentityFacts | undefined {
  const message = parseMessage(frame);
  if (message.type === "none") return undefined;
  const { spiffeId, certificateChainPem, bundles } = message;
  if (
    message.type !== "identity" ||
    typeof spiffeId !== "string" ||
    typeof certificateChainPem !== "string" ||
    !Array.isArray(bundles)
  )
    throw productError("ERR_FRAME_INVALID", "the agent's message is not an identity");
  const [leaf] = parseCertificatesPem(certificateChainPem);
  if (!leaf) throw productError("ERR_FRAME_INVALID", "the agent's identity has no certificate");
  return {
    spiffeId: SpiffeId.parse(spiffeId),
    certificateChainPem,
    bundles: BundleSet.of(...bundles.map(readBundle)),
    serialNumber: leaf.serialNumberHex,
    notBefore: leaf.notBefore,
    notAfter: leaf.notAfter,
  };
}

/** Takes the key out of its frame into memory of its own, and wipes the frame. */
export function decodeIdentityKey(frame: Buffer): Secret<Buffer> {
  const pem = Buffer.from(frame);
  frame.fill(0);
  return new Secret(pem);
}

function readBundle(value: unknown): X509Bundle {
  const { trustDomain, pem } = (value ?? {}) as { trustDomain?: unknown; pem?: unknown };
  if (typeof trustDomain !== "string" || typeof pem !== "string")
    throw productError("ERR_FRAME_INVALID", "the agent's message holds an unreadable bundle");
  return X509Bundle.fromPem(TrustDomain.parse(trustDomain), pem);
}
