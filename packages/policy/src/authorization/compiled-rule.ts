import type { AnchorGroup } from "./anchors.ts";
import { onlyConnectionItems } from "./connection-index.ts";
import { type ConnectionTest, compileItem } from "./item-tests.ts";
import type { RequestItem } from "./request-program.ts";
import type { RuleItem, RuleStructure } from "./rule-items.ts";

export interface CompiledEntry {
  readonly connection: readonly ConnectionTest[];
  readonly request: readonly RequestItem[];
}

/** A rule whose items have become tests, whatever set of rules it stands in. */
export interface CompiledRule {
  readonly structure: RuleStructure;
  readonly from: readonly CompiledEntry[] | undefined;
  readonly to: readonly CompiledEntry[] | undefined;
  readonly when: CompiledEntry;
  readonly asksConnection: boolean;
  /** Where keys of an index of connections may come from. */
  readonly connectionGroups: readonly AnchorGroup[];
}

/** @throws ERR_POLICY_INVALID for a hand-made policy that the parser would have refused. */
export function compileRule(structure: RuleStructure): CompiledRule {
  const { from, to, when } = structure;
  const compiledFrom = from?.map(compileEntry);
  const compiledTo = to?.map(compileEntry);
  const compiledWhen = compileEntry(when);
  const entries = [...(compiledFrom ?? []), ...(compiledTo ?? []), compiledWhen];
  return {
    structure,
    from: compiledFrom,
    to: compiledTo,
    when: compiledWhen,
    asksConnection: entries.some(({ connection }) => connection.length > 0),
    connectionGroups: [...(from ? [from] : []), ...(to ? [to] : []), ...when.map((item) => [[item]])].map(
      onlyConnectionItems,
    ),
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
