import type { Operation, Rule, Source } from "../authorization-policy.ts";
import type { AnalysisContext, StructuredPolicy } from "./analysis-context.ts";

/** "One misplaced `-` in YAML turns AND into OR: a very common mistake" (istio-security §3.2). */
export function checkShape(context: AnalysisContext): void {
  for (const structured of context.policies) {
    checkSplitRules(context, structured);
    for (const [index, { from = [], to = [] }] of structured.policy.rules.entries()) {
      const path = `spec.rules[${index}]`;
      checkEntries(context, structured, { path: `${path}.from`, entries: from, kindOf: kindOfSourceField });
      checkEntries(context, structured, { path: `${path}.to`, entries: to, kindOf: withoutNot });
    }
  }
}

/** `- from: …` and `- to: …` as two rules of a policy, each without what the other one has. */
function checkSplitRules({ report }: AnalysisContext, { policy }: StructuredPolicy): void {
  for (const [index, rule] of policy.rules.entries()) {
    const before = policy.rules[index - 1];
    const [left, right] = [before && onlyPart(before), onlyPart(rule)];
    if (!left || !right || left === right) continue;
    report("SYM1005", policy, {
      path: `spec.rules[${index}]`,
      position: rule.position,
      message: `rule ${index - 1} has only \`${left}\` and rule ${index} only \`${right}\`: as two rules, either alone is enough`,
    });
  }
}

/** The one part that a rule has; undefined when it has several or none. */
function onlyPart({ from, to, when }: Rule): string | undefined {
  const parts = [...(from ? ["from"] : []), ...(to ? ["to"] : []), ...(when.length > 0 ? ["when"] : [])];
  return parts.length === 1 ? parts[0] : undefined;
}

interface EntryList {
  readonly path: string;
  readonly entries: readonly (Source | Operation)[];
  /** What a field asks of: entries that ask of different things are suspicious. */
  readonly kindOf: (field: string) => string;
}

/** Neighbours that have no kind of question in common, like `- operation: {methods}` and `- operation: {paths}`. */
function checkEntries(
  { report }: AnalysisContext,
  { policy }: StructuredPolicy,
  { path, entries, kindOf }: EntryList,
): void {
  const kindsOf = (entry: Source | Operation) =>
    new Set(
      Object.keys(entry)
        .filter((field) => field !== "position")
        .map(kindOf),
    );
  for (const [index, entry] of entries.entries()) {
    const before = entries[index - 1];
    if (!before) continue;
    const [left, right] = [[...kindsOf(before)], kindsOf(entry)];
    if (left.some((kind) => right.has(kind))) continue;
    report("SYM1005", policy, {
      path: `${path}[${index}]`,
      position: entry.position,
      message: `item ${index - 1} asks only for ${left.join(" and ")} and item ${index} only for ${[...right].join(" and ")}: as two items, either alone is enough`,
    });
  }
}

/** Who is asked for by certificate is one kind: principals or namespaces are a usual choice. */
function kindOfSourceField(field: string): string {
  const plain = withoutNot(field);
  if (plain === "requestPrincipals") return "tokens";
  return plain.toLowerCase().endsWith("ipblocks") ? "addresses" : "identities";
}

/** "notPaths" asks of paths. */
function withoutNot(field: string): string {
  const negated = /^not([A-Z].*)$/.exec(field)?.[1];
  return negated === undefined ? field : negated.charAt(0).toLowerCase() + negated.slice(1);
}
