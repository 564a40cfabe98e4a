import type { Attribute, RuleItem, RuleStructure } from "../authorization/index.ts";
import { quoteValue } from "../document/index.ts";
import { type AnalysisContext, itemsOf, rulePath, type StructuredPolicy } from "./analysis-context.ts";
import type { AnalyzedWorkload } from "./analysis-input.ts";

/** What is asked of the peer's identity, where it has none, or shares it with others. */
export function checkIdentity(context: AnalysisContext): void {
  const shared = sharedDefaultAccounts(context);
  for (const structured of context.policies) {
    checkPlaintext(context, structured);
    if (shared.size > 0) checkShared(context, structured, shared);
  }
}

/**
 * Without mTLS there is no identity: a positive list then matches nobody, and a negation everybody (istio-security §3.5).
 * So a DENY by identity, or an ALLOW by negation, does not hold where plaintext is accepted.
 */
function checkPlaintext({ view, report }: AnalysisContext, { policy, rules }: StructuredPolicy): void {
  const modes = view.modesOf(policy);
  if (modes.size === 0 || [...modes].every((mode) => mode === "strict")) return;
  const isDisabled = [...modes].every((mode) => mode === "disable");
  const where = isDisabled ? "mTLS is off for these workloads" : "these workloads accept plaintext";
  for (const structure of rules)
    for (const { items, path } of entriesOf(structure)) {
      const identity = items.filter(({ attribute }) => IDENTITY.has(attribute.kind));
      const positive = identity.find(({ negated }) => !negated);
      const negative = identity.find(({ negated }) => negated);
      if (policy.action === "allow" && negative && !positive)
        report("SYM1008", policy, {
          path,
          position: negative.list.position,
          message: `${negative.field} does not hold back a caller without identity, who is let in: ${where}`,
        });
      else if (positive && isDisabled)
        report("SYM1018", policy, {
          path,
          position: positive.list.position,
          message: `${positive.field} matches nobody: ${where}, and callers have no identity`,
        });
      else if (positive && !negative && policy.action === "allow" && isStarAlone(positive))
        report("SYM1028", policy, {
          path,
          position: positive.list.position,
          message: `"*" in ${positive.field} is every caller with an identity: who connects without mTLS is not matched (${where})`,
        });
      else if (positive && policy.action === "deny")
        report("SYM1018", policy, {
          path,
          position: positive.list.position,
          message: `${positive.field} does not match who connects without mTLS, and so gets past this rule: ${where}`,
        });
    }
}

function isStarAlone({ list }: RuleItem): boolean {
  return list.values.every(({ value }) => value === "*");
}

/** Each `from` entry with the conditions that must hold beside it. */
function entriesOf(structure: RuleStructure): { readonly items: readonly RuleItem[]; readonly path: string }[] {
  const place = rulePath(structure);
  if (!structure.from) return [{ items: structure.when, path: `${place}.when` }];
  return structure.from.map((entry, index) => ({
    items: [...entry, ...structure.when],
    path: `${place}.from[${index}]`,
  }));
}

type SharedAccounts = ReadonlyMap<string, readonly AnalyzedWorkload[]>;

/** Namespaces in which several workloads run as the account that nobody chose. */
function sharedDefaultAccounts({ input }: AnalysisContext): SharedAccounts {
  const byNamespace = new Map<string, Map<string, AnalyzedWorkload>>();
  for (const workload of input.inventory?.workloads ?? []) {
    if (!workload.inMesh || workload.serviceAccount !== "default") continue;
    const workloads = byNamespace.get(workload.namespace) ?? new Map<string, AnalyzedWorkload>();
    byNamespace.set(workload.namespace, workloads.set(`${workload.kind} ${workload.name}`, workload));
  }
  const all = [...byNamespace].map(([namespace, workloads]) => [namespace, [...workloads.values()]] as const);
  return new Map(all.filter(([, workloads]) => workloads.length > 1));
}

function checkShared({ report }: AnalysisContext, structured: StructuredPolicy, shared: SharedAccounts): void {
  for (const { item, path } of itemsOf(structured))
    for (const [index, { value, position }] of item.list.values.entries()) {
      const workloads = shared.get(namespaceOfDefault(value, item) ?? "");
      if (!workloads) continue;
      const names = workloads.slice(0, MAX_SHOWN).map(({ name }) => name);
      report("SYM1013", structured.policy, {
        path: `${path}[${index}]`,
        position,
        message: `${quoteValue(value)} is ${workloads.length} workloads at once, which share the account default: ${names.join(", ")}${workloads.length > MAX_SHOWN ? ", …" : ""}`,
      });
    }
}

/** The namespace of which a value names the default account, and no more than that. */
function namespaceOfDefault(value: string, { attribute, policyNamespace }: RuleItem): string | undefined {
  if (attribute.kind === "principal") return /\/ns\/([^/*]+)\/sa\/default$/.exec(value)?.[1];
  if (attribute.kind !== "serviceAccount") return undefined;
  if (value === "default") return policyNamespace;
  return value.endsWith("/default") ? value.slice(0, -"/default".length) : undefined;
}

const IDENTITY: ReadonlySet<Attribute["kind"]> = new Set(["principal", "namespace", "serviceAccount", "trustDomain"]);
const MAX_SHOWN = 3;
