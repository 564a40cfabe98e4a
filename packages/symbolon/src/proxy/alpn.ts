/** Istio's tokens (istio-security §1.5): under PERMISSIVE, a TLS client that offers none of them is not a mesh peer. */
const ISTIO_TOKENS: ReadonlySet<string> = new Set([
  "istio-http/1.0",
  "istio-http/1.1",
  "istio-h2",
  "istio-peer-exchange",
  "istio",
]);

/** What our own clients offer for TCP. */
export const ISTIO_TCP_PROTOCOL = "istio";

/** An Istio server's own list. */
const SERVER_PREFERENCE = ["h2", "http/1.1"];
/** Whoever negotiates it sends a metadata header first (istio-security §1.5), which we do not. */
const NEVER_CHOSEN = "istio-peer-exchange";

export function offersIstio(offered: readonly string[]): boolean {
  return offered.some((protocol) => ISTIO_TOKENS.has(protocol));
}

/**
 * The one protocol to answer with, out of what this client offers: a list of our own without a match would end the
 * handshake with alert 120 (runtime-facts §1.4). Undefined: answer without the extension.
 */
export function chooseProtocol(offered: readonly string[]): string | undefined {
  return (
    SERVER_PREFERENCE.find((protocol) => offered.includes(protocol)) ??
    offered.find((protocol) => ISTIO_TOKENS.has(protocol) && protocol !== NEVER_CHOSEN)
  );
}
