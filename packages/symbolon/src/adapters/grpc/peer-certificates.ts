import type { TLSSocket } from "node:tls";

/** The runtimes give issuers as a linked list that ends in itself; a hostile peer may send many. */
const MAX_CERTIFICATES = 16;

/**
 * Every certificate that the peer presented, leaf first, as DER: untrusted input for our own path building. The two
 * views that the runtimes offer differ in what they leave out, so that both are read (runtime-facts §3).
 */
export function peerCertificates(socket: TLSSocket): readonly Uint8Array[] {
  const found = new Map<string, Uint8Array>();
  const add = (der: Uint8Array | undefined): boolean => {
    if (der === undefined || der.length === 0) return false;
    const key = Buffer.from(der).toString("base64");
    if (found.has(key) || found.size === MAX_CERTIFICATES) return false;
    found.set(key, new Uint8Array(der));
    return true;
  };
  // Node answers an empty object instead of undefined when the peer sent no certificate.
  let detailed: { raw?: Buffer; issuerCertificate?: typeof detailed } | undefined = socket.getPeerCertificate(true);
  while (detailed && add(detailed.raw)) detailed = detailed.issuerCertificate;
  let parsed = socket.getPeerX509Certificate();
  for (let steps = 0; parsed && steps < MAX_CERTIFICATES; steps++) {
    add(parsed.raw);
    parsed = parsed.issuerCertificate;
  }
  return [...found.values()];
}
