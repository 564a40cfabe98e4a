/** What is wrong with a `jwksUri` (istio-security §2.2); undefined when nothing is. */
export function checkJwksUri(text: string): string | undefined {
  if (text.length > 2048) return "must be no more than 2048 characters";
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1]?.toLowerCase() ?? "";
  if (scheme !== "http" && scheme !== "https") return `URI scheme "${scheme}" is not supported`;
  const rest = text.slice(scheme.length + 1);
  const authority = rest.startsWith("//") ? (/^[^/?#]*/.exec(rest.slice(2))?.[0] ?? "") : "";
  const hostAndPort = authority.slice(authority.lastIndexOf("@") + 1);
  const colon = hostAndPort.endsWith("]") ? -1 : hostAndPort.lastIndexOf(":");
  const [host, port] = colon < 0 ? [hostAndPort, ""] : [hostAndPort.slice(0, colon), hostAndPort.slice(colon + 1)];
  if (!/^\d{0,5}$/.test(port) || Number(port) > 65535)
    return `parse ${JSON.stringify(text)}: invalid port ${JSON.stringify(`:${port}`)} after host`;
  if (!HOST.test(host)) return `wanted a URL with a host, got ${JSON.stringify(text)}`;
  return /[\u0000-\u0020\u007f]/.test(text) ? "must not contain blanks or control characters" : undefined;
}

export interface JwksVerdict {
  /** Why the set cannot be read. */
  readonly error?: string;
  /** Indexes of the keys that are not public. */
  readonly privateKeys: readonly number[];
}

/**
 * Whether an inline JWK set can be read: JSON, keys with their type and its parameters (RFC 7517, RFC 7518 §6). Which
 * of them verify anything is found out by whoever verifies.
 */
export function checkJwks(text: string): JwksVerdict {
  const bad = (reason: string): JwksVerdict => ({ error: `jwks parse error: ${reason}`, privateKeys: [] });
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // The parser's own message may quote the text, and the text may hold a private key.
    return bad("failed to unmarshal JWK set: not JSON");
  }
  if (!isRecord(document)) return bad("wanted a JSON object");
  const keys = "keys" in document ? document.keys : [document];
  if (!Array.isArray(keys)) return bad('"keys" must be a list');
  const privateKeys: number[] = [];
  for (const [index, key] of keys.entries()) {
    const wanted = isRecord(key) && typeof key.kty === "string" ? PARAMETERS.get(key.kty) : undefined;
    if (!isRecord(key) || !wanted)
      return bad(`key at index ${index} has no "kty" of ${[...PARAMETERS.keys()].join(", ")}`);
    const missing = wanted.find((name) => typeof key[name] !== "string" || key[name] === "");
    if (missing !== undefined) return bad(`key at index ${index} has no "${missing}"`);
    if (key.kty === "oct" || Object.hasOwn(key, "d")) privateKeys.push(index);
  }
  return { privateKeys };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const HOST = /^(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])$/;
const PARAMETERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["RSA", ["n", "e"]],
  ["EC", ["crv", "x", "y"]],
  ["OKP", ["crv", "x"]],
  ["oct", ["k"]],
]);
