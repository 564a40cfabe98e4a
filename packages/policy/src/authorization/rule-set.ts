import { AnchorCounts, type AnchorGroup } from "./anchors.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import { type ConnectionTest, compileItem } from "./item-tests.ts";
import { PatternIndex } from "./pattern-index.ts";
import type { RequestFacts } from "./request-facts.ts";
import { type RequestItem, RequestProgram, type RequestRule } from "./request-program.ts";
import type { RuleItem, RuleStructure } from "./rule-items.ts";

/** No rule: larger than any place. */
export const NO_RULE = 0x3fff_ffff;

/** The rules of one action, in the order in which the first match is the deciding one. */
export class RuleSet {
  readonly rules: readonly RuleStructure[];
  /** Rules that ask nothing of the connection, prepared once for all. */
  readonly #forEveryConnection: ConnectionRules;
  readonly #index = new Map<string, PatternIndex<CompiledRule>>();
  readonly #unanchored: readonly CompiledRule[];
  /** Connections that leave the same rules share what is prepared of them. */
  readonly #programs = new Map<string, RequestProgram>();

  constructor(rules: readonly RuleStructure[]) {
    this.rules = rules;
    const compiled = rules.map(compileRule);
    const asking = compiled.filter(({ asksConnection }) => asksConnection);
    const free = compiled.filter(({ asksConnection }) => !asksConnection).map(remainderOfFreeRule);
    this.#forEveryConnection = rulesOf(free, (conditional) => new RequestProgram(conditional));
    const counts = new AnchorCounts();
    for (const rule of asking) counts.count(rule.groups);
    const unanchored: CompiledRule[] = [];
    for (const rule of asking) {
      const anchor = counts.choose(rule.groups);
      if (!anchor) unanchored.push(rule);
      for (const key of anchor?.keys ?? []) {
        const table = this.#index.get(key.table) ?? new PatternIndex<CompiledRule>();
        this.#index.set(key.table, table);
        table.add(key, rule);
      }
    }
    this.#unanchored = unanchored;
  }

  /** Decides everything that the connection decides. */
  prepare(connection: ConnectionFacts): PreparedRules {
    const free = this.#forEveryConnection;
    const remaining = this.#candidates(connection).flatMap((rule) => remainderOf(rule, connection) ?? []);
    const own = rulesOf(remaining, (conditional) => this.#program(conditional));
    return new PreparedRules(
      Math.min(free.always, own.always),
      [free.program, own.program].filter((program) => program !== undefined),
    );
  }

  /** Rules whose key the connection has, and those without key; each once, in order. */
  #candidates(connection: ConnectionFacts): readonly CompiledRule[] {
    if (this.#index.size === 0) return this.#unanchored;
    const lists: CompiledRule[][] = [];
    for (const [table, index] of this.#index) collectCandidates(table, index, connection, lists);
    if (lists.length === 0) return this.#unanchored;
    const [only] = lists;
    // A list is in order; only a trie may have a rule in it twice, side by side.
    if (lists.length === 1 && only?.length === 1 && this.#unanchored.length === 0) return only;
    return [...new Set([...this.#unanchored, ...lists.flat()])].sort((left, right) => left.position - right.position);
  }

  #program(rules: readonly Remainder[]): RequestProgram {
    const key = rules.map((rule) => rule.key).join(" ");
    const known = this.#programs.get(key);
    if (known) return known;
    if (this.#programs.size >= MAX_PROGRAMS) this.#programs.clear();
    const program = new RequestProgram(rules);
    this.#programs.set(key, program);
    return program;
  }
}

/** The rules of one action as one connection sees them. */
export class PreparedRules {
  /** First rule that matches whatever is requested. */
  readonly #always: number;
  readonly #programs: readonly RequestProgram[];

  constructor(always: number, programs: readonly RequestProgram[]) {
    this.#always = always;
    this.#programs = programs;
  }

  /** Place of the first rule that matches, NO_RULE if none does. Without request: on a TCP connection. */
  firstMatch(request: RequestFacts | undefined): number {
    let best = this.#always;
    if (request !== undefined)
      for (let index = 0; index < this.#programs.length; index++)
        best = (this.#programs[index] as RequestProgram).firstMatch(request, best);
    return best;
  }
}

interface CompiledEntry {
  readonly connection: readonly ConnectionTest[];
  readonly request: readonly RequestItem[];
}

interface CompiledRule {
  readonly position: number;
  readonly from: readonly CompiledEntry[] | undefined;
  readonly to: readonly CompiledEntry[] | undefined;
  readonly when: CompiledEntry;
  readonly asksConnection: boolean;
  /** Where keys for the connection may come from. */
  readonly groups: readonly AnchorGroup[];
}

interface ConnectionRules {
  readonly always: number;
  readonly program: RequestProgram | undefined;
}

/** A rule without its connection part; `key` is the same when what is left is the same. */
interface Remainder extends RequestRule {
  readonly key: string;
}

function compileRule({ from, to, when }: RuleStructure, position: number): CompiledRule {
  const compiledFrom = from?.map(compileEntry);
  const compiledTo = to?.map(compileEntry);
  const compiledWhen = compileEntry(when);
  const entries = [...(compiledFrom ?? []), ...(compiledTo ?? []), compiledWhen];
  return {
    position,
    from: compiledFrom,
    to: compiledTo,
    when: compiledWhen,
    asksConnection: entries.some(({ connection }) => connection.length > 0),
    groups: [...(from ? [from] : []), ...(to ? [to] : []), ...when.map((item) => [[item]])].map(onlyConnectionItems),
  };
}

function compileEntry(items: readonly RuleItem[]): CompiledEntry {
  const connection: ConnectionTest[] = [];
  const request: RequestItem[] = [];
  for (const item of items) {
    const compiled = compileItem(item);
    if (compiled.needs === "connection") connection.push(compiled.test);
    else request.push({ item, test: compiled.test });
  }
  return { connection, request };
}

function onlyConnectionItems(group: AnchorGroup): AnchorGroup {
  return group.map((entry) => entry.filter(({ attribute }) => CONNECTION_TABLES.has(attribute.kind)));
}

function remainderOfFreeRule({ position, from, to, when }: CompiledRule): Remainder {
  const requests = (entries: readonly CompiledEntry[] | undefined) => simplify(entries?.map(({ request }) => request));
  return remainder(position, { from: requests(from), to: requests(to), when: when.request, key: String(position) });
}

/** Undefined when the rule cannot match on this connection. */
function remainderOf({ position, from, to, when }: CompiledRule, facts: ConnectionFacts): Remainder | undefined {
  if (!allHold(when.connection, facts)) return undefined;
  const fromLeft = from && indicesThatHold(from, facts);
  if (fromLeft?.length === 0) return undefined;
  const toLeft = to && indicesThatHold(to, facts);
  if (toLeft?.length === 0) return undefined;
  const requests = (entries: readonly CompiledEntry[] | undefined, left: readonly number[] | undefined) =>
    entries && left && simplify(left.map((index) => entries[index]?.request ?? []));
  return remainder(position, {
    from: requests(from, fromLeft),
    to: requests(to, toLeft),
    when: when.request,
    key: `${position}:${fromLeft ?? ""}:${toLeft ?? ""}`,
  });
}

function remainder(
  position: number,
  parts: {
    readonly from: RequestRule["from"] | undefined;
    readonly to: RequestRule["to"] | undefined;
    readonly when: readonly RequestItem[];
    readonly key: string;
  },
): Remainder {
  const { from, to, when, key } = parts;
  return { position, key, when, ...(from && { from }), ...(to && { to }) };
}

/** An OR with an entry that is true is true. */
function simplify(entries: readonly (readonly RequestItem[])[] | undefined): RequestRule["from"] | undefined {
  return entries?.some((entry) => entry.length === 0) ? undefined : entries;
}

/** Splits the rules into the first one that always matches and a program of those before it that depend on the request. */
function rulesOf(
  remaining: readonly Remainder[],
  programOf: (conditional: readonly Remainder[]) => RequestProgram,
): ConnectionRules {
  const always = remaining.find(({ from, to, when }) => !from && !to && when.length === 0)?.position ?? NO_RULE;
  const conditional = remaining.filter(({ position }) => position < always);
  return { always, program: conditional.length === 0 ? undefined : programOf(conditional) };
}

function allHold(tests: readonly ConnectionTest[], facts: ConnectionFacts): boolean {
  for (const test of tests) if (!test(facts)) return false;
  return true;
}

function indicesThatHold(entries: readonly CompiledEntry[], facts: ConnectionFacts): number[] {
  const left: number[] = [];
  for (const [index, { connection }] of entries.entries()) if (allHold(connection, facts)) left.push(index);
  return left;
}

function collectCandidates(
  table: string,
  index: PatternIndex<CompiledRule>,
  facts: ConnectionFacts,
  into: CompiledRule[][],
): void {
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

const MAX_PROGRAMS = 256;
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
