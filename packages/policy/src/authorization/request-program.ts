import { claimStrings } from "../claim-values.ts";
import { AnchorCounts, type AnchorGroup, claimTable, headerTable } from "./anchors.ts";
import type { RequestTest } from "./item-tests.ts";
import { type AnchorKey, PatternIndex } from "./pattern-index.ts";
import type { RequestFacts } from "./request-facts.ts";
import type { RuleItem } from "./rule-items.ts";

/** An item that only a request decides, with its test. */
export interface RequestItem {
  readonly item: RuleItem;
  readonly test: RequestTest;
}

/** What is left of a rule when a connection's part is known to be true. Absent = true. */
export interface RequestRule {
  /** Place in the rule set's order. */
  readonly position: number;
  readonly from?: readonly (readonly RequestItem[])[];
  readonly to?: readonly (readonly RequestItem[])[];
  readonly when: readonly RequestItem[];
}

/** Rules that only differ by what a request is like, indexed so that a decision looks at those alone that may match. */
export class RequestProgram {
  /** In the rules' order. */
  readonly #alwaysLookedAt: readonly RequestRule[];
  readonly #probes: readonly Probe[];
  /** Lists to look through, kept to allocate none. */
  readonly #found: (readonly RequestRule[])[] = [];

  constructor(rules: readonly RequestRule[]) {
    const counts = new AnchorCounts();
    const groups = new Map(rules.map((rule) => [rule, groupsOf(rule)]));
    for (const ofRule of groups.values()) counts.count(ofRule);
    const tables = new Map<string, Table>();
    const unanchored: RequestRule[] = [];
    for (const [rule, ofRule] of groups) {
      const keys = counts.choose(ofRule);
      if (keys) for (const key of keys) tableOf(tables, key, ofRule).index.add(key, rule);
      else unanchored.push(rule);
    }
    this.#alwaysLookedAt = unanchored;
    this.#probes = [...tables.values()].map(createProbe);
  }

  /** The first rule before `limit` that matches; `limit` if there is none. */
  firstMatch(request: RequestFacts, limit: number): number {
    const found = this.#found;
    found.length = 0;
    for (const probe of this.#probes) probe(request, found as RequestRule[][]);
    let best = firstIn(this.#alwaysLookedAt, request, limit);
    for (let index = 0; index < found.length; index++) best = firstIn(found[index] ?? [], request, best);
    return best;
  }
}

/** Adds the lists of rules whose key fits the request. */
type Probe = (request: RequestFacts, found: RequestRule[][]) => void;

interface Table {
  readonly attribute: RuleItem["attribute"];
  readonly index: PatternIndex<RequestRule>;
}

function groupsOf({ from, to, when }: RequestRule): AnchorGroup[] {
  const items = (entries: readonly (readonly RequestItem[])[]) => entries.map((entry) => entry.map(({ item }) => item));
  return [...(to ? [items(to)] : []), ...(from ? [items(from)] : []), ...when.map(({ item }) => [[item]])];
}

function tableOf(tables: Map<string, Table>, { table }: AnchorKey, groups: readonly AnchorGroup[]): Table {
  const known = tables.get(table);
  if (known) return known;
  const item = groups.flat(2).find((candidate) => tableName(candidate.attribute) === table);
  if (!item) throw new TypeError(`no item has the table ${table}`);
  const created = { attribute: item.attribute, index: new PatternIndex<RequestRule>() };
  tables.set(table, created);
  return created;
}

function tableName(attribute: RuleItem["attribute"]): string {
  switch (attribute.kind) {
    case "header":
      return headerTable(attribute.name);
    case "claim":
      return claimTable(attribute.path);
    case "audience":
      return claimTable(["aud"]);
    case "presenter":
      return claimTable(["azp"]);
    default:
      return attribute.kind;
  }
}

function createProbe({ attribute, index }: Table): Probe {
  switch (attribute.kind) {
    case "path":
      return ({ path }, found) => index.collect(path, found);
    case "host":
      return (request, found) => index.collect(request.host, found);
    case "method":
      return ({ method }, found) => index.collect(method, found);
    case "header": {
      const { name } = attribute;
      return (request, found) => {
        for (const value of request.header(name)) index.collect(value, found);
      };
    }
    case "requestPrincipal":
      return ({ principal }, found) => {
        if (principal) index.collect(`${principal.issuer}/${principal.subject}`, found);
      };
    case "claim":
    case "audience":
    case "presenter": {
      const path = attribute.kind === "claim" ? attribute.path : [attribute.kind === "audience" ? "aud" : "azp"];
      return ({ claims }, found) => {
        if (claims) for (const value of claimStrings(claims, path)) index.collect(value, found);
      };
    }
    default:
      throw new TypeError(`a request does not have ${attribute.kind}`);
  }
}

function firstIn(rules: readonly RequestRule[], request: RequestFacts, limit: number): number {
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as RequestRule;
    if (rule.position >= limit) return limit;
    if (ruleMatches(rule, request)) return rule.position;
  }
  return limit;
}

function ruleMatches({ from, to, when }: RequestRule, request: RequestFacts): boolean {
  return (
    (to === undefined || anyEntryMatches(to, request)) &&
    allMatch(when, request) &&
    (from === undefined || anyEntryMatches(from, request))
  );
}

function anyEntryMatches(entries: readonly (readonly RequestItem[])[], request: RequestFacts): boolean {
  for (let index = 0; index < entries.length; index++)
    if (allMatch(entries[index] as readonly RequestItem[], request)) return true;
  return false;
}

function allMatch(items: readonly RequestItem[], request: RequestFacts): boolean {
  for (let index = 0; index < items.length; index++) if (!(items[index] as RequestItem).test(request)) return false;
  return true;
}
