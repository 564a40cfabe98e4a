import type { AuthorizationPolicy, Rule, ValueList } from "../authorization-policy.ts";

/** Characters to write or to delete, whichever are more, where two texts differ between what they share at their ends. */
export function editSize(from: string, to: string): number {
  let start = 0;
  const shorter = Math.min(from.length, to.length);
  while (start < shorter && from.charCodeAt(start) === to.charCodeAt(start)) start++;
  let end = 0;
  while (end < shorter - start && from.charCodeAt(from.length - 1 - end) === to.charCodeAt(to.length - 1 - end)) end++;
  return Math.max(from.length, to.length) - start - end;
}

export function listSize(field: string, { values }: ValueList): number {
  return values.reduce((size, { value }) => size + value.length, field.length);
}

/** Of a source, an operation or a condition: its fields with their values. */
export function entrySize(entry: object): number {
  let size = 0;
  for (const [field, value] of Object.entries(entry)) {
    if (field === "key") size += String(value).length;
    else if (field !== "position") size += listSize(field, value as ValueList);
  }
  return size;
}

export function entriesSize(entries: readonly object[] = []): number {
  return entries.reduce((size, entry) => size + entrySize(entry), 0);
}

export function ruleSize({ from, to, when }: Rule): number {
  return RULE_SIZE + entriesSize(from) + entriesSize(to) + entriesSize(when);
}

export function policySize({ name, rules }: AuthorizationPolicy): number {
  return rules.reduce((size, rule) => size + ruleSize(rule), POLICY_SIZE + name.length);
}

/** So that taking away a whole is larger than taking away all of its parts. */
const RULE_SIZE = 4;
const POLICY_SIZE = 20;
