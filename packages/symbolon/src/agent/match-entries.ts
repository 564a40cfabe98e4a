import { compareAge, type RegistrationEntry } from "../core/index.ts";
import type { Selector } from "./workload.ts";

export const selectorText = ({ type, value }: Selector): string => `${type}:${value}`;

/** Entries all of whose selectors are among the attested ones, in the order of `entries` (S6). */
export function matchEntries(
  entries: readonly RegistrationEntry[],
  attested: readonly Selector[],
): readonly RegistrationEntry[] {
  const known = new Set(attested.map(selectorText));
  return entries.filter(
    ({ selectors }) => selectors.length > 0 && selectors.every((selector) => known.has(selectorText(selector))),
  );
}

/** Does an entry depend on the program's digest: does everything else hold that it demands? */
export function digestDecides(entries: readonly RegistrationEntry[], attested: readonly Selector[]): boolean {
  const known = new Set(attested.map(selectorText));
  return entries.some(
    ({ selectors }) =>
      selectors.some(isProgramDigest) &&
      selectors.every((selector) => isProgramDigest(selector) || known.has(selectorText(selector))),
  );
}

const isProgramDigest = ({ type, value }: Selector): boolean => type === "unix" && value.startsWith("sha256:");

/** S5: of entries with the same hint the oldest keeps it; the others are served without. By entry id. */
export function uniqueHints(entries: readonly RegistrationEntry[]): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const hints = new Map<string, string>();
  for (const { id, hint } of entries.toSorted(compareAge)) {
    if (hint === undefined || taken.has(hint)) continue;
    taken.add(hint);
    hints.set(id, hint);
  }
  return hints;
}
