import type { CompiledEntry, CompiledRule } from "./compiled-rule.ts";
import type { ConnectionFacts } from "./connection-facts.ts";
import { ConnectionIndex, type IndexedRule } from "./connection-index.ts";
import type { ConnectionTest } from "./item-tests.ts";
import type { RequestFacts } from "./request-facts.ts";
import { type RequestItem, RequestProgram, type RequestRule } from "./request-program.ts";
import type { RuleStructure } from "./rule-items.ts";

/** No rule: larger than any place. */
export const NO_RULE = 0x3fff_ffff;

/** The rules of one action, in the order in which the first match is the deciding one. */
export class RuleSet {
  readonly rules: readonly RuleStructure[];
  /** Rules that ask nothing of the connection, prepared once for all. */
  readonly #forEveryConnection: ConnectionRules;
  readonly #index: ConnectionIndex<PlacedRule>;
  /** Connections that leave the same rules share what is prepared of them. */
  readonly #programs = new Map<string, RequestProgram>();

  constructor(rules: readonly CompiledRule[]) {
    this.rules = rules.map(({ structure }) => structure);
    const compiled = rules.map((rule, position): PlacedRule => ({ ...rule, position }));
    const asking = compiled.filter(({ asksConnection }) => asksConnection);
    const free = compiled.filter(({ asksConnection }) => !asksConnection).map(remainderOfFreeRule);
    this.#forEveryConnection = rulesOf(free, (conditional) => new RequestProgram(conditional));
    this.#index = new ConnectionIndex(asking);
  }

  /** Decides everything that the connection decides. */
  prepare(connection: ConnectionFacts): PreparedRules {
    const free = this.#forEveryConnection;
    const remaining = this.#index.candidates(connection).flatMap((rule) => remainderOf(rule, connection) ?? []);
    const own = rulesOf(remaining, (conditional) => this.#program(conditional));
    return new PreparedRules(
      Math.min(free.always, own.always),
      [free.program, own.program].filter((program) => program !== undefined),
    );
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

/** A rule at its place in this set. */
type PlacedRule = CompiledRule & IndexedRule;

interface ConnectionRules {
  readonly always: number;
  readonly program: RequestProgram | undefined;
}

/** A rule without its connection part; `key` is the same when what is left is the same. */
interface Remainder extends RequestRule {
  readonly key: string;
}

function remainderOfFreeRule({ position, from, to, when }: PlacedRule): Remainder {
  const requests = (entries: readonly CompiledEntry[] | undefined) => simplify(entries?.map(({ request }) => request));
  return remainder(position, { from: requests(from), to: requests(to), when: when.request, key: String(position) });
}

/** Undefined when the rule cannot match on this connection. */
function remainderOf({ position, from, to, when }: PlacedRule, facts: ConnectionFacts): Remainder | undefined {
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

const MAX_PROGRAMS = 256;
