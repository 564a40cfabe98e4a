import { quoteValue } from "../document/index.ts";
import type { ResourceReference } from "../object-envelope.ts";
import { GATEWAY_NAME } from "../policy-attachment.ts";
import { selectorText } from "../selector.ts";
import { globMatches } from "../string-match.ts";
import { type AnalysisContext, itemsOf, type StructuredPolicy } from "./analysis-context.ts";
import type { Scoped } from "./mesh-view.ts";

/** Workloads, namespaces and providers that a policy names and that do not exist. */
export function checkReferences(context: AnalysisContext): void {
  const { input, policies } = context;
  if (context.view.knowsWorkloads) {
    for (const policy of [
      ...policies.map((structured) => structured.policy),
      ...(input.requestAuthentications ?? []),
    ]) {
      checkAttached(context, policy);
      checkGatewaySelector(context, policy);
    }
    for (const policy of input.peerAuthentications ?? [])
      if (policy.selector) checkAttached(context, { ...policy, targetRefs: [] });
  }
  const namespaces = input.inventory?.namespaces;
  for (const structured of policies) {
    if (namespaces) checkNamespaces(context, structured, namespaces);
    checkProvider(context, structured);
  }
}

function checkAttached({ view, report }: AnalysisContext, policy: Scoped & ResourceReference): void {
  const { selector, namespace, targetRefs } = policy;
  // "A policy in the root namespace applies to every namespace", and to those that will come.
  if (!selector && targetRefs.length === 0 && namespace === view.rootNamespace) return;
  if (view.workloadsOf(policy).length > 0) return;
  const labels = selector ? selectorText(selector) : "";
  report("SYM1014", policy, {
    path: targetRefs.length > 0 ? "spec.targetRefs" : selector ? "spec.selector" : "metadata.namespace",
    message:
      targetRefs.length > 0
        ? "targetRefs are for gateways: no workload of the mesh is one of them, and sidecars ignore this policy"
        : `No matching workloads for this resource with the following labels: ${labels}`,
  });
}

/** Istio's waypoints read no selectors, and its Gateways only while an option says so. */
function checkGatewaySelector({ view, report }: AnalysisContext, policy: Scoped & ResourceReference): void {
  if (!policy.selector || policy.targetRefs.length > 0) return;
  const gateway = view.workloadsOf(policy).find(({ labels }) => Object.hasOwn(labels, GATEWAY_NAME));
  if (!gateway) return;
  report("SYM1032", policy, {
    path: "spec.selector",
    message: `Ineffective selector on Kubernetes Gateway ${gateway.labels[GATEWAY_NAME]}. Use the TargetRef field instead.`,
  });
}

function checkNamespaces(
  { report }: AnalysisContext,
  structured: StructuredPolicy,
  namespaces: readonly string[],
): void {
  const known = new Set(namespaces);
  for (const { item, path } of itemsOf(structured)) {
    if (item.attribute.kind !== "namespace") continue;
    for (const [index, { value, position }] of item.list.values.entries()) {
      if (known.has(value) || namespaces.some((namespace) => globMatches(value, namespace))) continue;
      report("SYM1015", structured.policy, {
        path: `${path}[${index}]`,
        position,
        message: `Referenced namespace not found: ${quoteValue(value)}`,
      });
    }
  }
}

function checkProvider({ input, report }: AnalysisContext, { policy }: StructuredPolicy): void {
  const providers = input.meshConfig?.authorizationProviders;
  if (!providers || policy.provider === undefined) return;
  if (providers.some(({ name }) => name === policy.provider)) return;
  const names = providers.map(({ name }) => name).join(", ");
  report("SYM1023", policy, {
    path: "spec.provider.name",
    message: `Referenced extension provider not found: ${quoteValue(policy.provider)}; what this policy matches is denied (the mesh configuration has ${names === "" ? "none" : names})`,
  });
}
