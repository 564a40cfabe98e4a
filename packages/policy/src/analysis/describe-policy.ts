import type { AuthorizationAction, AuthorizationPolicy } from "../authorization-policy.ts";
import type { ClientTls } from "../client-tls.ts";
import type { DestinationRule } from "../destination-rule.ts";
import { escapeControls } from "../document/index.ts";
import type { MtlsMode } from "../mtls-mode.ts";
import type { PeerAuthentication } from "../peer-authentication.ts";
import type { JwtRule, RequestAuthentication } from "../request-authentication.ts";
import { selectorText, type WorkloadSelector } from "../selector.ts";
import type { PolicyTargetReference } from "../target-reference.ts";
import { describeRule, someOf } from "./describe-rule.ts";

export interface DescribeOptions {
  /** "istio-system" when absent. */
  readonly rootNamespace?: string;
}

/** What a policy does, as one would say it to somebody who has to approve it. */
export function describePolicy(
  policy: AuthorizationPolicy | RequestAuthentication | PeerAuthentication | DestinationRule,
  { rootNamespace = "istio-system" }: DescribeOptions = {},
): string {
  return escapeControls(sentenceOf(policy, rootNamespace));
}

function sentenceOf(policy: Parameters<typeof describePolicy>[0], rootNamespace: string): string {
  switch (policy.kind) {
    case "AuthorizationPolicy":
      return describeAuthorization(policy, scopeText(policy, rootNamespace));
    case "RequestAuthentication":
      return describeTokens(policy, scopeText(policy, rootNamespace));
    case "PeerAuthentication":
      return describePeer(policy, scopeText({ ...policy, targetRefs: [] }, rootNamespace));
    case "DestinationRule":
      return describeDestination(policy);
  }
}

interface Scope {
  readonly namespace: string;
  readonly selector?: WorkloadSelector;
  readonly targetRefs: readonly PolicyTargetReference[];
}

function scopeText({ namespace, selector, targetRefs }: Scope, rootNamespace: string): string {
  if (targetRefs.length > 0)
    return `${someOf(targetRefs.map(({ kind, name }) => `${kind} ${name}`))} of namespace ${namespace}`;
  const which = selector ? `workloads with ${selectorText(selector)}` : "all workloads";
  return namespace === rootNamespace ? `${which} of the mesh` : `${which} of namespace ${namespace}`;
}

function describeAuthorization({ action, provider, dryRun, rules }: AuthorizationPolicy, scope: string): string {
  const dry = dryRun ? " This is a dry run: it is reported, not enforced." : "";
  if (rules.length === 0)
    return action === "allow"
      ? `Allows nothing to ${scope}: what no other ALLOW policy allows is denied.${dry}`
      : `Does nothing: it has no rules.${dry}`;
  const verb = action === "custom" ? `Asks the provider ${provider ?? ""} about` : VERBS[action];
  const described = rules.map(describeRule);
  if (described.includes("")) return `${verb} every request to ${scope}.${dry}`;
  const rest = action === "allow" ? " Requests that neither this nor another ALLOW policy allows are denied." : "";
  const when =
    described.length === 1 ? described[0] : described.map((text, index) => `(${index + 1}) ${text}`).join("; or ");
  return `${verb} requests to ${scope} when ${when}.${rest}${dry}`;
}

function describeTokens({ jwtRules }: RequestAuthentication, scope: string): string {
  if (jwtRules.length === 0) return `Does nothing: it has no rules for tokens.`;
  const rules = jwtRules.map(describeTokenRule).join("; and ");
  const without = jwtRules.some((rule) => rule.isTokenRequired)
    ? "and so is one without a token"
    : "one without a token is let in, unless an AuthorizationPolicy asks for one";
  return `Checks tokens in requests to ${scope}: ${rules}. A request with a bad token is refused with 401; ${without}.`;
}

function describeTokenRule({ issuer, audiences, fromHeaders, fromParams, fromCookies }: JwtRule): string {
  const places = [
    ...fromHeaders.map(({ name }) => `header ${name}`),
    ...fromParams.map((name) => `parameter ${name}`),
    ...fromCookies.map((name) => `cookie ${name}`),
  ];
  const where = places.length === 0 ? "the header Authorization or the parameter access_token" : someOf(places);
  const who = issuer === "" ? "of any issuer" : `of issuer ${issuer}`;
  const forWhom = audiences.length === 0 ? "for any audience" : `for ${someOf(audiences)}`;
  return `those ${who} ${forWhom}, in ${where}`;
}

function describePeer({ mode, portLevelMtls }: PeerAuthentication, scope: string): string {
  const ports = [...portLevelMtls].map(([port, own]) => `port ${port}: ${MODES[own]}`);
  const exceptions = ports.length === 0 ? "" : `, except ${ports.join("; ")}`;
  return `For connections to ${scope}: ${MODES[mode]}${exceptions}.`;
}

function describeDestination({ host, namespace, traffic, subsets, workloadSelector }: DestinationRule): string {
  const clients = workloadSelector
    ? `Workloads with ${selectorText(workloadSelector)} of namespace ${namespace}`
    : "Clients";
  const ports = [...traffic.ports].map(([port, { tls }]) => `port ${port}: ${tlsText(tls)}`);
  const own = subsets.filter((subset) => subset.traffic.tls ?? subset.traffic.ports.size > 0);
  const parts = own.map((subset) => `subset ${subset.name}: ${tlsText(subset.traffic.tls)}`);
  const exceptions = [...ports, ...parts];
  const except = exceptions.length === 0 ? "" : `, except ${exceptions.join("; ")}`;
  return `${clients} connect to ${host} ${tlsText(traffic.tls)}${except}.`;
}

function tlsText(tls: ClientTls | undefined): string {
  if (!tls) return "as the server wants it (automatic mTLS)";
  const names = tls.subjectAltNames.length > 0 ? `, and the server must be ${someOf(tls.subjectAltNames)}` : "";
  const unverified = tls.insecureSkipVerify ? ", without verifying the server" : "";
  const ca = tls.caCertificates === undefined ? "" : ` (CA: ${tls.caCertificates})`;
  switch (tls.mode) {
    case "disable":
      return "in plaintext";
    case "istio-mutual":
      return `by mTLS with mesh certificates${names}`;
    case "simple":
      return `by TLS without client certificate${ca}${names}${unverified}`;
    case "mutual":
      return `by mTLS with certificates of their own${ca}${names}${unverified}`;
  }
}

const VERBS: Readonly<Record<Exclude<AuthorizationAction, "custom">, string>> = {
  allow: "Allows",
  deny: "Denies",
  audit: "Marks in the access records",
};
const MODES: Readonly<Record<MtlsMode, string>> = {
  strict: "mTLS is required",
  permissive: "mTLS and plaintext are accepted",
  disable: "plaintext alone is accepted",
  unset: "what the wider policy says holds",
};
