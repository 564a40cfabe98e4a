import type { LocalConfig } from "../mesh/index.ts";
import type { ReportedDenial } from "../telemetry/index.ts";

/** What a caller that mutual TLS has refused can do about it. */
const FIXES: Readonly<Record<string, string>> = {
  plaintext_refused:
    "the caller spoke plaintext: give it a sidecar (label its namespace istio-injection=enabled), or make the port PERMISSIVE until it has one, which opens it to every caller without identity that no policy refuses",
  foreign_tls_refused:
    "the caller brought TLS of its own, without Istio's ALPN: let it speak HTTP and leave TLS to its sidecar, or declare the port as TCP",
  no_client_certificate: "the caller speaks TLS without a certificate: it has no sidecar, or not one of this mesh",
  peer_not_verified:
    "the caller's certificate does not verify against the roots that this mesh trusts: compare both clocks, both trust domains and the roots (symbolon proxy-config secret)",
  session_resumed: "the caller resumed a TLS session: each connection has to prove its identity anew",
};

/** The same for tokens, by reason; they were refused before any AuthorizationPolicy was asked. */
const TOKEN_FIXES: Readonly<Record<string, string>> = {
  jwt_expired: "the caller needs a newer token; if it was issued just now, one of the two clocks is wrong",
  jwt_not_yet_valid: "the clock of the issuer or of this proxy is wrong, or the token is for later",
  jwt_issuer_not_configured: "no jwtRule has the token's iss as its issuer, to the letter",
  jwt_audience_not_allowed: "the token's aud has none of the jwtRule's audiences",
  jwt_key_set_fetch_failed: "the issuer's keys could not be fetched: symbolon status says why",
  jwt_key_set_without_valid_keys: "the issuer's key set has no key that can be used: symbolon status says why",
};
const TOKEN_FIX =
  "compare the token with the rule, and with its keys and their age: symbolon get requestauthentication -A -o yaml";

/** Lines that explain a refusal which no AuthorizationPolicy made; undefined for any other. */
export function refusalText(denial: ReportedDenial, local: LocalConfig): string | undefined {
  const { reason, detail, connection } = denial;
  if (reason.startsWith("jwt_"))
    return [
      `denied: ${detail}`,
      "the token was refused, before any AuthorizationPolicy was asked",
      Object.hasOwn(TOKEN_FIXES, reason) ? TOKEN_FIXES[reason] : TOKEN_FIX,
    ].join("\n");
  const fix = Object.hasOwn(FIXES, reason) ? FIXES[reason] : undefined;
  if (fix === undefined) return undefined;
  const port = local.inboundPorts.find((each) => each.port === connection.destinationPort);
  const mode = (port?.mode ?? local.inboundMode).toUpperCase();
  const decider = port === undefined ? "the workload's other ports" : `port ${port.port}`;
  return [
    `denied: ${detail}`,
    `mutual TLS of ${decider} is ${mode}, as ${port?.decidedBy ?? "its PeerAuthentication"} says`,
    fix,
  ].join("\n");
}
