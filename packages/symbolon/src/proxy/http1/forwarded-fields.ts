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

/** RFC 9562 §5.4, from the 16 random bytes at `from`. */
export function uuidFrom(random: Uint8Array, from = 0): string {
  const text = (start: number, end: number): string => {
    let digits = "";
    for (let at = start; at < end; at++) digits += HEX[random[from + at] as number];
    return digits;
  };
  const version = HEX[((random[from + 6] as number) & 0x0f) | 0x40];
  const variant = HEX[((random[from + 8] as number) & 0x3f) | 0x80];
  return `${text(0, 4)}-${text(4, 6)}-${version}${text(7, 8)}-${variant}${text(9, 10)}-${text(10, 16)}`;
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
