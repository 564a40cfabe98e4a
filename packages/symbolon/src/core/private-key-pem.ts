import { Secret } from "@symbolon/spiffe/core";
import type { KeyPair } from "@symbolon/spiffe/x509";

const BEGIN = "-----BEGIN PRIVATE KEY-----\n";
const END = "-----END PRIVATE KEY-----\n";
const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = "=".charCodeAt(0);
const NEWLINE = "\n".charCodeAt(0);
/** RFC 7468 §2 */
const LINE_BYTES = 48;

/**
 * PKCS#8 PEM, written byte by byte: a string with the key in it could not be wiped, and would show in a heap snapshot
 * (SR-01).
 */
export function privateKeyPem(keyPair: Pick<KeyPair, "privateKey">): Secret<Buffer> {
  const der: Buffer = keyPair.privateKey.export({ type: "pkcs8", format: "der" });
  const characters = Math.ceil(der.length / 3) * 4 + Math.ceil(der.length / LINE_BYTES);
  const pem = Buffer.alloc(BEGIN.length + characters + END.length);
  let at = pem.write(BEGIN, "latin1");
  for (let start = 0; start < der.length; start += LINE_BYTES) {
    const line = der.subarray(start, start + LINE_BYTES);
    for (let i = 0; i < line.length; i += 3) {
      const word = ((line[i] ?? 0) << 16) | ((line[i + 1] ?? 0) << 8) | (line[i + 2] ?? 0);
      for (let shift = 18; shift >= 0; shift -= 6) {
        const isPadding = i + (18 - shift) / 6 > line.length;
        pem[at++] = isPadding ? PADDING : (ALPHABET[(word >> shift) & 63] ?? 0);
      }
    }
    pem[at++] = NEWLINE;
  }
  pem.write(END, at, "latin1");
  der.fill(0);
  return new Secret(pem);
}
