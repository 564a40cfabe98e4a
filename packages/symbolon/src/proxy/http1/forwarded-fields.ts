/** Characters that other proxies and tracers put into request ids; anything else gets a new one. */
const REQUEST_ID = /^[A-Za-z0-9._:~+/=-]{1,128}$/;

/** The one x-request-id to send on: what came, when it is one and harmless, else a new one. */
export function requestId(received: readonly string[], create: () => string): string {
  const [only = ""] = received;
  return received.length === 1 && REQUEST_ID.test(only) ? only : create();
}

/** RFC 9562 §5.4, from 16 random bytes. */
export function uuidFrom(random: Uint8Array): string {
  const bytes = Buffer.from(random.subarray(0, 16));
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
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
