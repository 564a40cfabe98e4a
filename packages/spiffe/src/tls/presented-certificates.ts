import type { TLSSocket } from "node:tls";

/** The part of a TLS socket that tells what the peer has shown. */
export type HandshakenSocket = Pick<TLSSocket, "getPeerCertificate" | "getPeerX509Certificate" | "isSessionReused">;

interface Linked {
  readonly raw?: Uint8Array;
  readonly issuerCertificate?: Linked | undefined;
}

/** More than any chain needs; a peer that shows more wants to keep us busy. */
const MAX_PRESENTED = 16;

/**
 * What the peer sent, as DER, the leaf first: untrusted, in any order, and with strangers among it. The union of both
 * walks that a runtime offers, because each of them lacks certificates somewhere (runtime-facts §3).
 */
export function presentedCertificates(socket: HandshakenSocket): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const first of [socket.getPeerX509Certificate?.(), socket.getPeerCertificate(true)]) {
    const walked = new Set<Linked>();
    // Not every runtime says `undefined` for "none": some say null, or {}.
    for (let next: Linked | null | undefined = first; next?.raw && !walked.has(next); next = next.issuerCertificate) {
      walked.add(next);
      const { raw } = next;
      if (walked.size > MAX_PRESENTED || found.length > MAX_PRESENTED) break;
      if (!found.some((known) => Buffer.compare(known, raw) === 0)) found.push(raw);
    }
  }
  return found;
}
