import { claimStrings } from "../claim-values.ts";
import { isPathTemplate } from "../path-template.ts";
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
  readonly #alwaysLookedAt: readonly TestedRule[];
  readonly #probes: readonly Probe[];
  /** Lists to look through, kept to allocate none. */
  readonly #found: TestedRule[][] = [];

  constructor(rules: readonly RequestRule[]) {
    const counts = new AnchorCounts();
    const groups = new Map(rules.map((rule) => [rule, groupsOf(rule)]));
    for (const ofRule of groups.values()) counts.count(ofRule);
    const tables = new Map<string, Table>();
    const unanchored: TestedRule[] = [];
    for (const [rule, ofRule] of groups) {
      const anchor = counts.choose(ofRule);
      const tested = testedRule(rule, anchor?.item && isProvenByItsKey(anchor.item) ? anchor.item : undefined);
      if (anchor) for (const key of anchor.keys) tableOf(tables, key, ofRule).index.add(key, tested);
      else unanchored.push(tested);
    }
    this.#alwaysLookedAt = unanchored;
    this.#probes = [...tables.values()].map(createProbe);
  }

  /** The first rule before `limit` that matches; `limit` if there is none. */
  firstMatch(request: RequestFacts, limit: number): number {
    const found = this.#found;
    found.length = 0;
    const probes = this.#probes;
    for (let index = 0; index < probes.length; index++) (probes[index] as Probe)(request, found);
    let best = firstIn(this.#alwaysLookedAt, request, limit);
    for (let index = 0; index < found.length; index++) best = firstIn(found[index] as TestedRule[], request, best);
    return best;
  }
}

/** A rule as it is gone through: what is left to test when the index has found it. */
interface TestedRule {
  readonly position: number;
  /** AND. */
  readonly tests: readonly RequestTest[];
  /** AND of ORs of ANDs; `from` and `to` with more than one entry. */
  readonly alternatives: readonly (readonly (readonly RequestTest[])[])[];
}

function testedRule({ position, from, to, when }: RequestRule, proven: RuleItem | undefined): TestedRule {
  const groups = [...(to ? [to] : []), ...(from ? [from] : [])];
  const items = [...groups.filter(({ length }) => length === 1).flat(2), ...when].filter(({ item }) => item !== proven);
  items.sort((left, right) => costOf(left) - costOf(right));
  return {
    position,
    tests: items.map(({ test }) => test),
    alternatives: groups
      .filter(({ length }) => length > 1)
      .map((entries) => entries.map((entry) => entry.map(({ test }) => test))),
  };
}

/** Whether a rule that was found by a key of the item is known to fit the item. */
function isProvenByItsKey({ attribute, values }: RuleItem): boolean {
  switch (attribute.kind) {
    case "path":
      return !values.some(isPathTemplate);
    case "method":
    case "host":
    case "header":
    case "claim":
    case "audience":
      return true;
    default:
      return false;
  }
}

function costOf({ item }: RequestItem): number {
  const place = CHEAPEST_FIRST.indexOf(item.attribute.kind);
  return place < 0 ? CHEAPEST_FIRST.length : place;
}

/** Adds the lists of rules whose key fits the request. */
type Probe = (request: RequestFacts, found: TestedRule[][]) => void;

interface Table {
  readonly attribute: RuleItem["attribute"];
  readonly index: PatternIndex<TestedRule>;
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
  const created = { attribute: item.attribute, index: new PatternIndex<TestedRule>() };
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

function firstIn(rules: readonly TestedRule[], request: RequestFacts, limit: number): number {
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as TestedRule;
    if (rule.position >= limit) return limit;
    if (allHold(rule.tests, request) && allGroupsHold(rule.alternatives, request)) return rule.position;
  }
  return limit;
}

function allGroupsHold(groups: TestedRule["alternatives"], request: RequestFacts): boolean {
  for (let index = 0; index < groups.length; index++)
    if (!anyEntryHolds(groups[index] as readonly (readonly RequestTest[])[], request)) return false;
  return true;
}

function anyEntryHolds(entries: readonly (readonly RequestTest[])[], request: RequestFacts): boolean {
  for (let index = 0; index < entries.length; index++)
    if (allHold(entries[index] as readonly RequestTest[], request)) return true;
  return false;
}

function allHold(tests: readonly RequestTest[], request: RequestFacts): boolean {
  for (let index = 0; index < tests.length; index++) if (!(tests[index] as RequestTest)(request)) return false;
  return true;
}

const CHEAPEST_FIRST: readonly RuleItem["attribute"]["kind"][] = ["method", "path", "header", "host"];
