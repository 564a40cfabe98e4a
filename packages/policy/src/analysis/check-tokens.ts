import type { RuleItem } from "../authorization/index.ts";
import type { RequestAuthentication } from "../request-authentication.ts";
import { type AnalysisContext, itemsOf, type StructuredPolicy } from "./analysis-context.ts";
import { scopeContains } from "./mesh-view.ts";

/**
 * "A missing token is not refused by RequestAuthentication. To require one, add an AuthorizationPolicy"
 * (istio-security §2.3, §11 row 4).
 */
export function checkTokens(context: AnalysisContext): void {
  const { input, report } = context;
  const requiring = context.policies.filter(
    (structured) => !structured.policy.dryRun && itemsOf(structured).some(({ item }) => asksForToken(item)),
  );
  const isRequired = context.view.knowsWorkloads ? byWorkload(context, requiring) : byScope(context, requiring);
  for (const policy of input.requestAuthentications ?? []) {
    if (policy.jwtRules.length === 0 || policy.jwtRules.some((rule) => rule.isTokenRequired) || isRequired(policy))
      continue;
    report("SYM1010", policy, {
      path: "spec.jwtRules",
      ...(policy.jwtRules[0] ? { position: policy.jwtRules[0].position } : {}),
      message: "no AuthorizationPolicy asks for a token: requests without one are let in",
    });
  }
  for (const controlPlane of input.controlPlanes ?? []) {
    const names = (input.requestAuthentications ?? []).map(({ namespace, name }) => `${namespace}/${name}`);
    if (controlPlane.blocksJwksUris || names.length === 0) continue;
    report("SYM1025", controlPlane, {
      path: "",
      message: `BLOCKED_CIDRS_IN_JWKS_URIS is not configured but ${names.length} RequestAuthentication resource(s) exist (${names.toSorted().join(", ")}). Consider configuring it to restrict JWKS URI fetches to trusted networks.`,
    });
  }
}

/** On every workload of the policy; nothing is said of a policy without any, which another check reports. */
function byWorkload({ view }: AnalysisContext, requiring: readonly StructuredPolicy[]) {
  const required = new Set(requiring.flatMap(({ policy }) => view.workloadsOf(policy)));
  return (policy: RequestAuthentication) => view.workloadsOf(policy).every((workload) => required.has(workload));
}

/** Without inventory: in all of the policy's scope, or in some of it, which is as much as can be told. */
function byScope({ view }: AnalysisContext, requiring: readonly StructuredPolicy[]) {
  const byNamespace = new Map<string, StructuredPolicy[]>();
  for (const structured of requiring) {
    const list = byNamespace.get(structured.policy.namespace) ?? [];
    byNamespace.set(structured.policy.namespace, list);
    list.push(structured);
  }
  return (policy: RequestAuthentication) => {
    const isRoot = policy.namespace === view.rootNamespace;
    const namespaces = isRoot ? [...byNamespace.keys()] : [policy.namespace, view.rootNamespace];
    return namespaces
      .flatMap((namespace) => byNamespace.get(namespace) ?? [])
      .some(
        (candidate) =>
          scopeContains(candidate.policy, policy, view.rootNamespace) ||
          scopeContains(policy, candidate.policy, view.rootNamespace),
      );
  };
}

function asksForToken({ attribute }: RuleItem): boolean {
  return TOKEN.has(attribute.kind);
}

const TOKEN: ReadonlySet<RuleItem["attribute"]["kind"]> = new Set([
  "requestPrincipal",
  "claim",
  "audience",
  "presenter",
]);
