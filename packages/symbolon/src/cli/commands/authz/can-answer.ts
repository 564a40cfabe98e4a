import {
  type AuthorizationPolicy,
  compileAuthorization,
  createAuthorizationPolicyIndex,
  createPeerAuthenticationIndex,
  createRequestAuthenticationIndex,
  type Decision,
  decisionText,
  type RequestAttributes,
} from "@symbolon/policy";
import { decideInjection, injectedLabels } from "../../../mesh/index.ts";
import type { ManifestWorkload, PolicySet } from "./policy-set.ts";

export interface AccessQuestion {
  /** Absent: a caller outside of the mesh, in plaintext. */
  readonly from?: { readonly namespace: string; readonly serviceAccount: string };
  readonly to: { readonly namespace: string; readonly name: string };
  /** Absent: a connection that is not HTTP. */
  readonly request?: RequestAttributes;
  /** Whether the host of `request` was given or made up. */
  readonly isHostGiven: boolean;
  readonly port?: number;
  readonly sourceAddress?: string;
  readonly trustDomain: string;
  readonly rootNamespace: string;
}

/** allow and deny are what the workload's proxy would do; unknown: it depends on what the question does not say. */
export interface AccessAnswer {
  readonly outcome: "allow" | "deny" | "unknown";
  readonly reason: string;
  /** One sentence. */
  readonly text: string;
  readonly policy?: { readonly namespace: string; readonly name: string; readonly file: string; readonly line: number };
  readonly rule?: number;
  readonly port?: number;
}

/** Asks the policies of manifests whether a call is let in. */
export function answerAccess(question: AccessQuestion, set: PolicySet): AccessAnswer {
  const { to } = question;
  const found = set.workloads.filter(({ namespace, name }) => namespace === to.namespace && name === to.name);
  const [workload] = found;
  const where = `${to.namespace}/${to.name}`;
  if (!workload) return unknown("workload_not_found", `no Deployment or Pod ${where} is in the manifests`);
  if (found.length > 1) return unknown("workload_ambiguous", `both a Deployment and a Pod are named ${where}`);
  const injection = decideInjection({
    namespace: workload.namespace,
    namespaceLabels: set.namespaceLabels.get(workload.namespace) ?? {},
    podLabels: workload.template.labels,
    podAnnotations: workload.template.annotations,
  });
  if (!injection.sidecar)
    return {
      outcome: "allow",
      reason: "no_sidecar",
      text: `allowed: ${where} has no sidecar (${injection.decidedBy}), nothing is enforced`,
    };
  const ports = portsOf(workload, question);
  const answers = ports.map((port) => ({ ...answerAtPort(question, set, { workload, port }), port }));
  const [first] = answers;
  if (!first) return unknown("port_unknown", `${where} names no container port: give --port`);
  if (answers.every(({ outcome }) => outcome === first.outcome)) return first;
  const each = answers.map(({ port, outcome }) => `${port} ${outcome}`).join(", ");
  return unknown("port_unknown", `it depends on the port (${each}): give --port`);
}

function portsOf({ template }: ManifestWorkload, { port }: AccessQuestion): readonly number[] {
  if (port !== undefined) return [port];
  const written = template.containers.flatMap(({ ports }) => ports.map(({ containerPort }) => containerPort));
  return [...new Set(written)];
}

function answerAtPort(
  question: AccessQuestion,
  set: PolicySet,
  { workload, port }: { readonly workload: ManifestWorkload; readonly port: number },
): AccessAnswer {
  const { from, request, rootNamespace, trustDomain } = question;
  const { namespace, name, template } = workload;
  const target = { namespace, labels: { ...template.labels, ...injectedLabels(template.labels, name) } };
  const mtls = createPeerAuthenticationIndex(set.peerAuthentications, rootNamespace).effective(target);
  const decider = mtls.decisionForPort(port).policy;
  if (mtls.modeForPort(port) === "strict" && !from)
    return {
      outcome: "deny",
      reason: "mtls_required",
      text: `denied: port ${port} takes mutual TLS alone (STRICT), and the caller has no identity`,
      ...(decider ? { policy: placeOf(decider) } : {}),
    };
  const policies = createAuthorizationPolicyIndex(set.authorizationPolicies, rootNamespace).attached(target);
  const missing = missingFacts(question, policies);
  if (missing) return missing;
  const tokens = createRequestAuthenticationIndex(set.requestAuthentications, rootNamespace).attached(target);
  if (request && tokens.some(({ jwtRules }) => jwtRules.length > 0) && request.headers.has("authorization"))
    return unknown("token_not_verified", "the request carries a token, which needs its issuer's keys to be verified");
  // A port in mode DISABLE takes plaintext alone, so that nobody has an identity there.
  const identity = from && mtls.modeForPort(port) !== "disable" ? from : undefined;
  const decision = compileAuthorization(policies, { trustDomain })
    .connection({
      ...(identity
        ? { peerSpiffeId: `spiffe://${trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}` }
        : {}),
      sourceAddress: question.sourceAddress ?? UNSPECIFIED,
      destinationAddress: UNSPECIFIED,
      destinationPort: port,
    })
    .decide(request);
  return answerOf(decision, policies);
}

function answerOf(decision: Decision, policies: readonly AuthorizationPolicy[]): AccessAnswer {
  const { by, reason } = decision;
  const policy =
    by && policies.find(({ namespace, name }) => namespace === by.policy.namespace && name === by.policy.name);
  // No manifest says which providers there are, so that a CUSTOM policy is a question to one.
  const isOpen = decision.outcome === "ask_provider" || reason === "provider_missing";
  return {
    outcome: isOpen ? "unknown" : (decision.outcome as "allow" | "deny"),
    reason: isOpen ? "provider_decides" : reason,
    text: isOpen
      ? `an extension provider decides, as ${by?.policyId ?? "a CUSTOM policy"} says`
      : decisionText(decision),
    ...(policy ? { policy: placeOf(policy) } : {}),
    ...(by ? { rule: by.ruleIndex } : {}),
  };
}

/** A policy that asks for what the question leaves out: guessing would answer another question. */
function missingFacts(question: AccessQuestion, policies: readonly AuthorizationPolicy[]): AccessAnswer | undefined {
  const uses = (fields: readonly string[], keys: readonly string[]) =>
    policies.find(({ rules }) =>
      rules.some(
        ({ from = [], to = [], when }) =>
          [...from, ...to].some((entry) => fields.some((field) => field in entry)) ||
          when.some(({ key }) => keys.includes(key)),
      ),
    );
  const because = (policy: AuthorizationPolicy, what: string) =>
    unknown("fact_missing", `${policy.namespace}/${policy.name} looks at ${what}`, policy);
  const byAddress = uses(ADDRESS_FIELDS, ["source.ip", "remote.ip"]);
  if (byAddress && question.sourceAddress === undefined)
    return because(byAddress, "the caller's address: give --source-ip");
  const byHost =
    question.request && uses(["hosts", "notHosts"], ["request.headers[:authority]", "request.headers[host]"]);
  if (byHost && !question.isHostGiven) return because(byHost, 'the host: give -H "host=NAME"');
  const byOther = uses([], ["destination.ip", "connection.sni"]);
  return byOther && because(byOther, "destination.ip or connection.sni, which manifests do not tell");
}

function unknown(reason: string, text: string, policy?: AuthorizationPolicy): AccessAnswer {
  return { outcome: "unknown", reason, text: `cannot tell: ${text}`, ...(policy ? { policy: placeOf(policy) } : {}) };
}

function placeOf({ namespace, name, position }: Pick<AuthorizationPolicy, "namespace" | "name" | "position">) {
  return { namespace, name, file: position.file, line: position.line };
}

/** Nothing that is asked looks at it: see `missingFacts`. */
const UNSPECIFIED = "0.0.0.0";
const ADDRESS_FIELDS = ["ipBlocks", "notIpBlocks", "remoteIpBlocks", "notRemoteIpBlocks"];
