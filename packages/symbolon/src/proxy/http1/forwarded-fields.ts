/** Characters that other proxies and tracers put into request ids; anything else gets a new one. */
const REQUEST_ID = /^[A-Za-z0-9._:~+/=-]{1,128}$/;

/** The one x-request-id to send on: what came, when it is one and harmless, else a new one. */
export function requestId(received: readonly string[], create: () => string): string {
  const [only = ""] = received;
  return received.length === 1 && REQUEST_ID.test(only) ? only : create();
}

/** `version-traceid-parentid-flags` (W3C Trace Context §3.2.2); later versions may append more. */
const TRACE_PARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

/** The trace id of a `traceparent`; undefined when the value is none. */
export function traceId(traceParent: string): string | undefined {
  return TRACE_PARENT.test(traceParent) ? traceParent.slice(3, 35) : undefined;
}

export const UUID_LENGTH = 36;
const HEX = Buffer.from("0123456789abcdef", "latin1");
const HYPHEN = 0x2d;

/** RFC 9562 §5.4, from the 16 random bytes at `from`, as {@link UUID_LENGTH} characters. */
export function writeUuid(into: Uint8Array, to: number, random: Uint8Array, from: number): void {
  let at = to;
  for (let index = 0; index < 16; index++) {
    if (index === 4 || index === 6 || index === 8 || index === 10) into[at++] = HYPHEN;
    let byte = random[from + index] as number;
    if (index === 6) byte = (byte & 0x0f) | 0x40;
    else if (index === 8) byte = (byte & 0x3f) | 0x80;
    into[at++] = HEX[byte >> 4] as number;
    into[at++] = HEX[byte & 15] as number;
  }
}

/**
 * x-forwarded-proto to send on. What a verified peer says of the hop before it is passed on; anybody else's word about a
 * scheme is not trusted (CV-13, CV-15), and it is what this connection is.
 */
export function forwardedProto(
  received: readonly string[],
  peer: { readonly verified: boolean; readonly scheme: "http" | "https" },
): "http" | "https" {
  const [only] = received;
  if (peer.verified && received.length === 1 && (only === "http" || only === "https")) return only;
  return peer.scheme;
}
