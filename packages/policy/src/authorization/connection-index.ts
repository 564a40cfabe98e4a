import { AnchorCounts, type AnchorGroup } from "./anchors.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import { PatternIndex } from "./pattern-index.ts";
import type { RuleItem } from "./rule-items.ts";

export interface IndexedRule {
  /** Place in the rule set's order. */
  readonly position: number;
  /** Where keys may come from: items that ask the connection. */
  readonly connectionGroups: readonly AnchorGroup[];
}

/** Finds, for a connection, the rules that may match on it, without looking at the others. */
export class ConnectionIndex<T extends IndexedRule> {
  readonly #tables = new Map<string, PatternIndex<T>>();
  /** Rules without a key, which are candidates always. */
  readonly #unanchored: readonly T[];

  /** In the rules' order. */
  constructor(rules: readonly T[]) {
    const counts = new AnchorCounts();
    for (const { connectionGroups } of rules) counts.count(connectionGroups);
    const unanchored: T[] = [];
    for (const rule of rules) {
      const anchor = counts.choose(rule.connectionGroups);
      if (!anchor) unanchored.push(rule);
      for (const key of anchor?.keys ?? []) {
        const table = this.#tables.get(key.table) ?? new PatternIndex<T>();
        this.#tables.set(key.table, table);
        table.add(key, rule);
      }
    }
    this.#unanchored = unanchored;
  }

  /** Each once, in order. */
  candidates(connection: ConnectionFacts): readonly T[] {
    if (this.#tables.size === 0) return this.#unanchored;
    const lists: T[][] = [];
    for (const [table, index] of this.#tables) collectCandidates(table, index, connection, lists);
    if (lists.length === 0) return this.#unanchored;
    const [only] = lists;
    if (lists.length === 1 && only?.length === 1 && this.#unanchored.length === 0) return only;
    return [...new Set([...this.#unanchored, ...lists.flat()])].sort((left, right) => left.position - right.position);
  }
}

/** What a connection alone can decide of a rule. */
export function onlyConnectionItems(group: AnchorGroup): AnchorGroup {
  return group.map((entry) => entry.filter(({ attribute }) => CONNECTION_TABLES.has(attribute.kind)));
}

function collectCandidates<T>(table: string, index: PatternIndex<T>, facts: ConnectionFacts, into: T[][]): void {
  const { peer } = facts;
  switch (table) {
    case "destinationPort":
      index.collect(facts.destinationPort, into);
      break;
    case "sni":
      if (facts.sni !== undefined) index.collect(facts.sni, into);
      break;
    case "sourceAddress":
    case "remoteAddress":
    case "destinationAddress": {
      const address = facts.address(table);
      if (address) index.collectAddress(address, into);
      break;
    }
    default:
      for (const text of peer ? peerTexts(table, peer) : []) index.collect(text, into);
  }
}

function peerTexts(table: string, peer: NonNullable<ConnectionFacts["peer"]>): Iterable<string> {
  switch (table) {
    case "principal":
      return [peer.principal];
    case "namespace":
      return peer.namespaces;
    case "namespaceTail":
      return peer.namespaceTails;
    case "serviceAccount":
      return peer.serviceAccounts;
    case "trustDomain":
      return peer.trustDomain === undefined ? [] : [peer.trustDomain];
    default:
      throw new TypeError(`a connection does not have ${table}`);
  }
}

const CONNECTION_TABLES: ReadonlySet<RuleItem["attribute"]["kind"]> = new Set([
  "principal",
  "namespace",
  "serviceAccount",
  "trustDomain",
  "sourceAddress",
  "remoteAddress",
  "destinationAddress",
  "destinationPort",
  "sni",
]);
