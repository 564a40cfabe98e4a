import { type Attribute, isHttpOnly, type RuleItem, type RuleStructure } from "../authorization/index.ts";
import { valueCovers, valuesDisjoint } from "./value-cover.ts";

type Entry = readonly RuleItem[];

/**
 * Whether a rule matches whatever another one matches (istio-security §3.2). Sound, not complete: only items about the
 * same attribute are compared, so "no" may also mean "not found out". What holds for HTTP then holds for TCP, because
 * an item that TCP leaves out is implied only by items that TCP leaves out as well; but an ALLOW rule is lost to TCP as a
 * whole when one of its alternatives asks for HTTP (istio-security §3.9).
 */
export function ruleCovers(wide: RuleStructure, narrow: RuleStructure): boolean {
  if (wide.policy.action === "allow" && asksForHttp(wide) && !asksForHttp(narrow)) return false;
  const froms = narrow.from ?? [[]];
  const tos = narrow.to ?? [[]];
  const { when } = narrow;
  return (
    (!wide.from || froms.every((from) => wide.from?.some((entry) => implies([...from, ...when], entry)))) &&
    (!wide.to || tos.every((to) => wide.to?.some((entry) => implies([...to, ...when], entry)))) &&
    wide.when.every(
      (item) =>
        isImplied(when, item) || froms.every((from) => isImplied(from, item)) || tos.every((to) => isImplied(to, item)),
    )
  );
}

function asksForHttp({ from = [], to = [], when }: RuleStructure): boolean {
  return [...from.flat(), ...to.flat(), ...when].some(isHttpOnly);
}

function implies(narrow: Entry, wide: Entry): boolean {
  return wide.every((item) => isImplied(narrow, item));
}

function isImplied(narrow: Entry, wide: RuleItem): boolean {
  return narrow.some((item) => {
    if (item.negated !== wide.negated || !sameAttribute(item.attribute, wide.attribute)) return false;
    return wide.negated ? listCovers(item, wide) : listCovers(wide, item);
  });
}

/** Every value of the narrow list is matched by the wide one. */
export function listCovers(wide: RuleItem, narrow: RuleItem): boolean {
  const texts = new Set(wide.policyNamespace === narrow.policyNamespace ? wide.values : []);
  if (wide.values.length * narrow.values.length > MAX_PAIRS) return narrow.values.every((value) => texts.has(value));
  const { policyNamespace } = narrow;
  return narrow.values.every(
    (value) =>
      texts.has(value) || wide.values.some((candidate) => valueCovers(wide, candidate, { value, policyNamespace })),
  );
}

export interface Contradiction {
  readonly first: RuleItem;
  readonly second: RuleItem;
}

/** Two items that cannot both hold, of all that must hold together. */
export function findContradiction(items: Entry): Contradiction | undefined {
  for (const [index, first] of items.entries())
    for (const second of items.slice(index + 1)) {
      if (!sameAttribute(first.attribute, second.attribute)) continue;
      if (first.negated !== second.negated) {
        const [wanted, unwanted] = first.negated ? [second, first] : [first, second];
        if (listCovers(unwanted, wanted)) return { first, second };
      } else if (!first.negated && SINGLE_VALUED.has(first.attribute.kind) && listsDisjoint(first, second))
        return { first, second };
    }
  return undefined;
}

function listsDisjoint(left: RuleItem, right: RuleItem): boolean {
  if (left.values.length * right.values.length > MAX_PAIRS) return false;
  return left.values.every((value) => right.values.every((other) => valuesDisjoint(left.attribute, value, other)));
}

function sameAttribute(left: Attribute, right: Attribute): boolean {
  if (left.kind === "header") return right.kind === "header" && left.name === right.name;
  if (left.kind === "claim") return right.kind === "claim" && left.path.join("][") === right.path.join("][");
  // Which filter's metadata is asked for is not kept apart: nothing is said of two of them.
  return left.kind === right.kind && left.kind !== "metadata";
}

/** A connection or request has one of each, so that two different ones cannot both be it. */
const SINGLE_VALUED: ReadonlySet<Attribute["kind"]> = new Set([
  "principal",
  "requestPrincipal",
  "sourceAddress",
  "remoteAddress",
  "destinationAddress",
  "destinationPort",
  "host",
  "method",
  "path",
  "sni",
]);
/** Nobody writes such lists by hand. */
const MAX_PAIRS = 100_000;
