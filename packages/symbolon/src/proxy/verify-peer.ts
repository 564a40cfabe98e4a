import { errorText } from "@symbolon/spiffe/core";
import type { PeerVerifier, VerifiedPeer } from "@symbolon/spiffe/svid";
import type { RefusalReason } from "../telemetry/index.ts";

/** The part of Bun's TLS socket that tells what the peer has shown. */
export interface HandshakenSocket {
  /** The leaf alone. */
  getPeerX509Certificate(): { readonly raw: Buffer } | null | undefined;
  getPeerCertificate(abbreviated: boolean): PresentedCertificate | null | undefined;
  isSessionReused(): boolean;
  getTLSVersion(): string | null;
}

interface PresentedCertificate {
  readonly raw?: Buffer;
  readonly issuerCertificate?: PresentedCertificate;
}

export type PeerVerdict =
  | { readonly kind: "verified"; readonly peer: VerifiedPeer }
  | { readonly kind: "refused"; readonly reason: RefusalReason; readonly detail: string };

/** More than any chain needs; a peer that shows more wants to keep us busy. */
const MAX_PRESENTED = 16;

/** Our own verification, on every connection, before one byte passes in either direction. */
export function verifyPeer(socket: HandshakenSocket, verifier: PeerVerifier): PeerVerdict {
  // A resumed session carries the verdict of an earlier day (SR-48); no ticket is given, so this is an attack or a bug.
  if (socket.isSessionReused())
    return { kind: "refused", reason: "session_resumed", detail: "TLS session was resumed" };
  const alone = verifyLeafAlone(socket, verifier);
  if (alone) return { kind: "verified", peer: alone };
  const presented = presentedCertificates(socket);
  if (presented.length === 0)
    return { kind: "refused", reason: "no_client_certificate", detail: "the peer showed no certificate" };
  try {
    return { kind: "verified", peer: verifier.verify(presented) };
  } catch (error) {
    return { kind: "refused", reason: "peer_not_verified", detail: errorText(error) };
  }
}

/**
 * An authority of the bundle may have signed the leaf itself; then nothing else that was shown matters, and having the
 * runtime describe it all costs a tenth of the handshake. Undefined: not so.
 */
function verifyLeafAlone(socket: HandshakenSocket, verifier: PeerVerifier): VerifiedPeer | undefined {
  const leaf = socket.getPeerX509Certificate()?.raw;
  if (!leaf) return undefined;
  try {
    return verifier.verify([leaf]);
  } catch {
    return undefined;
  }
}

/** Everything the peer sent, as DER: untrusted, in any order; the path is built by the verifier. */
function presentedCertificates(socket: HandshakenSocket): readonly Uint8Array[] {
  const found: Buffer[] = [];
  let next = socket.getPeerCertificate(false) ?? undefined;
  while (next?.raw && found.length < MAX_PRESENTED) {
    const { raw } = next;
    if (found.some((known) => known.equals(raw))) break;
    found.push(raw);
    next = next.issuerCertificate;
  }
  return found;
}
