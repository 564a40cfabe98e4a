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
  return TRACE_PARENT.exec(traceParent)?.[1];
}

/** RFC 9562 §5.4, from 16 random bytes. */
export function uuidFrom(random: Uint8Array): string {
  let text = "";
  for (let at = 0; at < 16; at++) {
    const byte = random[at] as number;
    if (at === 4 || at === 6 || at === 8 || at === 10) text += "-";
    text += HEX[at === 6 ? (byte & 0x0f) | 0x40 : at === 8 ? (byte & 0x3f) | 0x80 : byte];
  }
  return text;
}

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

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
