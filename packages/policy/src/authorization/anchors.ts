import { isPathTemplate, parsePathTemplate } from "../path-template.ts";
import { qualifiedServiceAccount } from "../peer-identity.ts";
import { parseStringPattern } from "../string-match.ts";
import { portText, requireIpBlock } from "./item-tests.ts";
import { type AnchorKey, anchorText } from "./pattern-index.ts";
import type { RuleItem } from "./rule-items.ts";

/** What an index can choose from to find a rule: a part of it that is AND-ed with the rest, as OR of ANDs. */
export type AnchorGroup = readonly (readonly RuleItem[])[];

/**
 * The keys of which an attribute must have at least one for the item to match; undefined when there is no such list (a
 * negation, a `*`). Keys may promise less than the item asks: a rule that an index finds is still looked at as a whole.
 */
function anchorKeys(item: RuleItem): KeysOfItem | undefined {
  const known = knownKeys.get(item);
  if (known) return known.ofItem;
  const ofItem = makeKeys(item);
  knownKeys.set(item, { ofItem });
  return ofItem;
}

interface KeysOfItem {
  readonly keys: readonly AnchorKey[];
  /** Of each key, the same for equal ones. */
  readonly texts: readonly string[];
}

/** An item outlives the indexes that it stands in: each change of a policy makes new ones of all rules. */
const knownKeys = new WeakMap<RuleItem, { readonly ofItem: KeysOfItem | undefined }>();

function makeKeys(item: RuleItem): KeysOfItem | undefined {
  if (item.negated) return undefined;
  const keys: AnchorKey[] = [];
  for (const value of item.values) {
    const key = anchorKey(item, value);
    if (!key) return undefined;
    keys.push(key);
  }
  return { keys, texts: keys.map(anchorText) };
}

function anchorKey({ attribute, policyNamespace }: RuleItem, value: string): AnchorKey | undefined {
  switch (attribute.kind) {
    case "principal":
    case "sni":
    case "method":
      return stringKey(attribute.kind, value);
    case "host":
      return stringKey("host", value.toLowerCase());
    case "path":
      if (isPathTemplate(value)) return prefixKey("path", parsePathTemplate(value).head);
      return stringKey("path", value);
    case "header":
      return stringKey(headerTable(attribute.name), value);
    case "claim":
      return stringKey(claimTable(attribute.path), value);
    case "audience":
      return stringKey(claimTable(["aud"]), value);
    case "presenter":
      return stringKey(claimTable(["azp"]), value);
    case "requestPrincipal":
      if (value.includes("*")) return undefined;
      // A value without slash is an issuer with an empty subject.
      return { table: "requestPrincipal", kind: "exact", text: value.includes("/") ? value : `${value}/` };
    case "namespace":
      if (value.includes("/") || value.includes("*")) return prefixKey("namespaceTail", value.split("*")[0] ?? "");
      return { table: "namespace", kind: "exact", text: value };
    case "serviceAccount":
      return { table: "serviceAccount", kind: "exact", text: qualifiedServiceAccount(value, policyNamespace) };
    case "trustDomain":
      return value.startsWith("*") || value.endsWith("*") || !value.includes("*")
        ? stringKey("trustDomain", value)
        : prefixKey("trustDomain", value.split("*")[0] ?? "");
    case "destinationPort":
      return { table: "destinationPort", kind: "exact", text: portText(value) };
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress":
      return { table: attribute.kind, kind: "block", block: requireIpBlock(value) };
    case "metadata":
      return undefined;
  }
}

export function headerTable(name: string): string {
  return `header ${name}`;
}

export function claimTable(path: readonly string[]): string {
  return `claim ${JSON.stringify(path)}`;
}

function stringKey(table: string, value: string): AnchorKey | undefined {
  const pattern = parseStringPattern(value);
  // Any text has an empty prefix, so a key without text finds nothing in particular.
  if (pattern.kind === "present" || pattern.text === "") return undefined;
  return { table, kind: pattern.kind, text: pattern.text };
}

function prefixKey(table: string, text: string): AnchorKey | undefined {
  return text === "" ? undefined : { table, kind: "prefix", text };
}

/** The keys under which a rule is found. */
export interface Anchor {
  readonly keys: readonly AnchorKey[];
  /** The one item whose values the keys are, when it is a condition of the whole rule. */
  readonly item?: RuleItem;
}

interface WeightedKeys extends Anchor {
  readonly weight: number;
}

/** How many rules have each key: a key that few rules share tells them apart. */
export class AnchorCounts {
  readonly #counts = new Map<string, number>();

  count(groups: readonly AnchorGroup[]): void {
    for (const group of groups)
      for (const entry of group)
        for (const item of entry) for (const text of anchorKeys(item)?.texts ?? []) this.#add(text);
  }

  /** How a rule is found best; undefined when it has to be looked at every time. */
  choose(groups: readonly AnchorGroup[]): Anchor | undefined {
    let best: WeightedKeys | undefined;
    for (const group of groups) {
      const candidate = this.#keysOfGroup(group);
      if (candidate && (!best || candidate.weight < best.weight)) best = candidate;
    }
    return best;
  }

  /** OR of entries: each needs keys of its own, from the item of the entry that is best at it. */
  #keysOfGroup(group: AnchorGroup): WeightedKeys | undefined {
    const all: AnchorKey[] = [];
    let sum = 0;
    let only: RuleItem | undefined;
    for (const entry of group) {
      let best: WeightedKeys | undefined;
      for (const item of entry) {
        const ofItem = anchorKeys(item);
        if (!ofItem) continue;
        const { keys, texts } = ofItem;
        let total = 0;
        for (const text of texts) total += this.#counts.get(text) ?? 0;
        const weight = total / texts.length;
        if (!best || weight < best.weight) best = { keys, weight, item };
      }
      if (!best) return undefined;
      for (const key of best.keys) all.push(key);
      sum += best.weight;
      only = best.item;
    }
    return { keys: all, weight: sum, ...(group.length === 1 && only && { item: only }) };
  }

  #add(text: string): void {
    this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }
}
