/** Istio's tokens (istio-security §1.5): under PERMISSIVE, a TLS client that offers none of them is not a mesh peer. */
const ISTIO_TOKENS: ReadonlySet<string> = new Set([
  "istio-http/1.0",
  "istio-http/1.1",
  "istio-h2",
  "istio-peer-exchange",
  "istio",
]);

/** What our own clients offer for TCP. */
export const ISTIO_TCP_PROTOCOLS = ["istio"];

/** What they offer for HTTP: a PERMISSIVE or undeclared port takes it for HTTP by these (istio-security §1.5). */
export const ISTIO_HTTP_PROTOCOLS = ["istio-http/1.1", "istio", "http/1.1"];

const HTTP_TOKENS: ReadonlySet<string> = new Set(["istio-http/1.0", "istio-http/1.1", "istio-h2"]);

export function offersIstioHttp(offered: readonly string[]): boolean {
  return offered.some((protocol) => HTTP_TOKENS.has(protocol));
}

/** An Istio server's own list, the other way round: requests can be looked into as long as they are HTTP/1.1. */
const SERVER_PREFERENCE = ["http/1.1", "h2"];
/** Whoever negotiates it sends a metadata header first (istio-security §1.5), which we do not. */
const NEVER_CHOSEN = "istio-peer-exchange";

export function offersIstio(offered: readonly string[]): boolean {
  return offered.some((protocol) => ISTIO_TOKENS.has(protocol));
}

/**
 * The one protocol to answer with, out of what this client offers: a list of our own without a match would end the
 * handshake with alert 120 (runtime-facts §1.4). None: answer without the extension.
 */
export function chooseProtocols(offered: readonly string[]): readonly string[] {
  const chosen =
    SERVER_PREFERENCE.find((protocol) => offered.includes(protocol)) ??
    offered.find((protocol) => ISTIO_TOKENS.has(protocol) && protocol !== NEVER_CHOSEN);
  return chosen === undefined ? [] : [chosen];
}
