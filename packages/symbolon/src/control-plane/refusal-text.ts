import type { LocalConfig } from "../mesh/index.ts";
import type { ReportedDenial } from "../telemetry/index.ts";

/** What a caller that mutual TLS has refused can do about it. */
const FIXES: Readonly<Record<string, string>> = {
  plaintext_refused:
    "the caller spoke plaintext: give it a sidecar (label its namespace istio-injection=enabled), or make the port PERMISSIVE until it has one",
  foreign_tls_refused:
    "the caller brought TLS of its own, without Istio's ALPN: let it speak HTTP and leave TLS to its sidecar, or declare the port as TCP",
  no_client_certificate: "the caller speaks TLS without a certificate: it has no sidecar, or not one of this mesh",
  peer_not_verified:
    "the caller's certificate does not verify against the roots that this mesh trusts: compare both clocks, both trust domains and the roots (symbolon proxy-config secret)",
  session_resumed: "the caller resumed a TLS session: each connection has to prove its identity anew",
};

const TOKEN_FIX =
  "the token was refused before any policy was asked; a request without a token would have been: see the rule, its keys (symbolon get requestauthentication -o yaml) and the token's own claims";

/** Lines that explain a refusal which no AuthorizationPolicy made; undefined for any other. */
export function refusalText(denial: ReportedDenial, local: LocalConfig): string | undefined {
  const { reason, detail, connection } = denial;
  if (reason.startsWith("jwt_")) return [`denied: ${reason}`, detail, TOKEN_FIX].join("\n");
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
