import { decisionText } from "../authorization/index.ts";
import type {
  EntryExplanation,
  Explanation,
  ItemExplanation,
  PolicyExplanation,
  RuleExplanation,
} from "./explanation.ts";

/** An explanation for a terminal: the decision, every policy with its rules and items, and what would change it. */
export function explanationText({ decision, policies, flips, moreFlips }: Explanation): string {
  const lines = [decisionText(decision), ...policies.flatMap(policyLines)];
  if (flips.length > 0) lines.push("one change would make it another outcome, what opens least first:");
  for (const { change, outcome } of flips) lines.push(`  ${outcome.replace("_", " ")}: ${change.text}`);
  if (moreFlips > 0) lines.push(`  and ${moreFlips} more`);
  return lines.join("\n");
}

function policyLines({ policy, matches, rules }: PolicyExplanation): string[] {
  const { namespace, name, action, provider, dryRun } = policy;
  const what = [action.toUpperCase(), ...(provider === undefined ? [] : [provider]), ...(dryRun ? ["dry run"] : [])];
  const verdict = rules.length === 0 ? "has no rules, so it matches nothing" : matches ? "matches" : "does not match";
  return [`${what.join(" ")} ${namespace}/${name} ${verdict}`, ...rules.flatMap(ruleLines)];
}

function ruleLines({ ruleIndex, matches, decides, isDropped, from, to, when }: RuleExplanation): string[] {
  const head = `  rule ${ruleIndex} ${matches ? "matches" : "does not match"}${decides ? ", and decides" : ""}`;
  if (isDropped) return [`${head}: it asks for HTTP, and this connection is TCP`];
  if (!from && !to && when.length === 0) return [`${head}: it asks for nothing`];
  return [head, ...entryLines("from", from), ...entryLines("to", to), ...when.map((item) => `    ${itemLine(item)}`)];
}

function entryLines(group: string, entries: readonly EntryExplanation[] = []): string[] {
  return entries.flatMap(({ matches, items }, index) => [
    `    ${mark(matches)} ${group}[${index}]`,
    ...items.map((item) => `      ${itemLine(item)}`),
  ]);
}

function itemLine({ field, matches, isIgnored, negated, wanted, fitting, got }: ItemExplanation): string {
  if (isIgnored) return `- ${field}: needs HTTP, and counts as if it were not there`;
  const shown = wanted.slice(0, MAX_SHOWN).map((value) => JSON.stringify(value));
  const more = wanted.length > MAX_SHOWN ? ` and ${wanted.length - MAX_SHOWN} more` : "";
  const [first] = fitting;
  const fits = first === undefined ? "" : `, which fits ${JSON.stringify(wanted[first])}`;
  const has = got.length === 0 ? "nothing there" : `got ${got.map((text) => JSON.stringify(text)).join(" and ")}`;
  return `${mark(matches)} ${field}: wanted ${negated ? "none" : "one"} of ${shown.join(", ")}${more}; ${has}${fits}`;
}

function mark(matches: boolean): string {
  return matches ? "✓" : "✗";
}

const MAX_SHOWN = 5;
