import { decodeBase64, decodeUtf8, isSymbolonError, type JsonObject, spiffeError } from "../core/index.ts";
import { isForSignatures, type Jwk, readJwk, readJwkSetDocument } from "../jwt/index.ts";
import { type Certificate, parseCertificate } from "../x509/index.ts";
import { keyMembers } from "./public-jwk.ts";
import type { SpiffeBundleContent } from "./spiffe-bundle-content.ts";

const MAX_DOCUMENT_BYTES = 1024 * 1024;
/** RFC 7518 §6.1 and RFC 8037 §2; an entry of another type is left out (Trust Domain and Bundle §4.2.1). */
const KEY_TYPES = ["RSA", "EC", "OKP"];

/**
 * The parser of `SpiffeBundle.parse`. `build` runs inside, so that its complaints are told as those of the document.
 * @throws ERR_BUNDLE_DOCUMENT_INVALID
 */
export function readSpiffeBundle<T>(document: string | Uint8Array, build: (content: SpiffeBundleContent) => T): T {
  try {
    return build(readContent(textOf(document)));
  } catch (cause) {
    if (!isSymbolonError(cause) || cause.code === "ERR_BUNDLE_DOCUMENT_INVALID") throw cause;
    throw invalid(cause.message, cause);
  }
}

function readContent(text: string): SpiffeBundleContent {
  const { document, members } = readJwkSetDocument(text);
  const x509Authorities: Certificate[] = [];
  const keys: Jwk[] = [];
  for (const [index, member] of members.entries()) {
    if (!KEY_TYPES.some((type) => type === member.kty)) continue;
    // §4.2.2: case-sensitive; another one, or none, is for other readers.
    if (member.use === "x509-svid") x509Authorities.push(...readX509Entry(member, index));
    else if (member.use === "jwt-svid" && isForSignatures(member)) keys.push(readJwtEntry(member, index));
  }
  const sequence = wholeNumber(document, "spiffe_sequence");
  const refreshHintSeconds = wholeNumber(document, "spiffe_refresh_hint");
  return {
    x509Authorities,
    jwtAuthorities: { keys },
    ...(sequence === undefined ? {} : { sequence }),
    ...(refreshHintSeconds === undefined ? {} : { refreshHintSeconds }),
  };
}

/** X509-SVID §6.2: without certificate the entry is left out, of several the first one counts. */
function readX509Entry(member: JsonObject, index: number): readonly Certificate[] {
  const { x5c } = member;
  if (x5c === undefined) return [];
  if (!Array.isArray(x5c)) throw invalid(`"x5c" of key ${index} is not an array`);
  const [first] = x5c;
  if (first === undefined) return [];
  const der = typeof first === "string" ? decodeBase64(first) : undefined;
  if (!der) throw invalid(`"x5c" of key ${index} is not base64`);
  try {
    const certificate = parseCertificate(der);
    // RFC 7517 §4.7: the certificate's key is the one that the entry describes.
    const differing = Object.entries(keyMembers(certificate.publicKey)).find(([name, value]) => member[name] !== value);
    if (differing) throw invalid(`"${differing[0]}" of key ${index} is not that of its certificate`);
    return [certificate];
  } catch (cause) {
    if (!isSymbolonError(cause) || cause.code === "ERR_BUNDLE_DOCUMENT_INVALID") throw cause;
    throw invalid(`certificate of key ${index}: ${cause.message}`, cause);
  }
}

function readJwtEntry(member: JsonObject, index: number): Jwk {
  if (!member.kid) throw invalid(`key ${index} is for JWT-SVIDs and has no "kid"`);
  return readJwk(member, index);
}

/** Above 2^53-1 two numbers that differ would be read as one. */
function wholeNumber(document: JsonObject, name: string): number | undefined {
  const value = document[name];
  if (value === undefined) return undefined;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(`"${name}" is not a whole number from 0 to 2^53-1`);
}

function textOf(document: string | Uint8Array): string {
  const size = document.length;
  if (size > MAX_DOCUMENT_BYTES) throw invalid(`it has ${size} bytes, more than ${MAX_DOCUMENT_BYTES}`);
  const text = typeof document === "string" ? document : decodeUtf8(document);
  if (text === undefined) throw invalid("it is not UTF-8");
  return text;
}

function invalid(what: string, cause?: unknown) {
  const message = `SPIFFE bundle: ${what}`;
  return spiffeError("ERR_BUNDLE_DOCUMENT_INVALID", message, cause === undefined ? {} : { cause });
}
