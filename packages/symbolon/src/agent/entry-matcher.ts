import { errorText } from "@symbolon/spiffe/core";
import type { RegistrationEntry } from "../core/index.ts";
import { digestDecides, matchEntries } from "./match-entries.ts";
import type { AttestedProcess, NodeState } from "./ports.ts";
import type { Selector } from "./workload.ts";

/** The entries that are for one process. An entry that demands a program's digest never is before that is known. */
export interface EntryMatcher {
  /** All that is known by now. */
  readonly selectors: readonly Selector[];
  /** Why the program's digest is not among them, although it was asked for. */
  readonly digestFailure: string | undefined;
  match(node: NodeState): MatchedEntries;
  /** The same, once the digest is known or cannot be: by the state of then. */
  matchAll(nodeNow: () => NodeState): Promise<readonly RegistrationEntry[]>;
}

export interface MatchedEntries {
  readonly entries: readonly RegistrationEntry[];
  /** The digest is being computed, and there may be more then. */
  readonly isWaiting: boolean;
}

export interface EntryMatcherEvents {
  /** `match` answers differently now. */
  changed(): void;
  failed(error: unknown): void;
}

export function createEntryMatcher(process: AttestedProcess, events: EntryMatcherEvents): EntryMatcher {
  let { selectors } = process;
  let digestFailure: string | undefined;
  let computation: Promise<void> | undefined;
  let isSettled = false;
  let last: { readonly node: NodeState; readonly result: MatchedEntries } | undefined;

  const compute = async (): Promise<void> => {
    try {
      const digest = await process.programDigest();
      selectors = [...selectors, digest];
    } catch (error) {
      digestFailure = errorText(error);
      events.failed(error);
    }
    isSettled = true;
    last = undefined;
    events.changed();
  };

  const match = (node: NodeState): MatchedEntries => {
    if (last?.node === node) return last.result;
    const isWaiting = !isSettled && digestDecides(node.entries, selectors);
    const result = { entries: matchEntries(node.entries, selectors), isWaiting };
    last = { node, result };
    if (isWaiting) computation ??= compute();
    return result;
  };

  return {
    get selectors() {
      return selectors;
    },
    get digestFailure() {
      return digestFailure;
    },
    match,
    async matchAll(nodeNow) {
      if (match(nodeNow()).isWaiting) await computation;
      return match(nodeNow()).entries;
    },
  };
}
