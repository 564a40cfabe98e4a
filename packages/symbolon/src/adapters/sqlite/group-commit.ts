import type { Database } from "bun:sqlite";
import type { Clock } from "@symbolon/spiffe/core";

/** Runs writes of many callers in one transaction, because each commit waits for the disk. */
export interface GroupCommit {
  /** Resolves once `write` is durable; rejects with its error, in which case nothing of it is stored. */
  commit(write: () => void): Promise<void>;
  /** Joins the next transaction; nobody waits for it. */
  commitLater(write: () => void): void;
  /** Writes what is waiting, at once. */
  flush(): void;
}

interface Waiting {
  readonly write: () => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitOptions {
  readonly database: Database;
  readonly clock: Clock;
  /** How long the first caller waits for company. */
  readonly delayMs: number;
  /** How long a write that nobody waits for may wait for a transaction to join. */
  readonly laterDelayMs: number;
  readonly onLaterFailed: (error: unknown) => void;
}

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { database, clock, delayMs, laterDelayMs, onLaterFailed } = options;
  let waiting: Waiting[] = [];
  let timer: { cancel(): void; readonly dueMs: number } | undefined;

  const add = (entry: Waiting, afterMs: number): void => {
    waiting.push(entry);
    const dueMs = clock.monotonicMs() + afterMs;
    if (timer && timer.dueMs <= dueMs) return;
    timer?.cancel();
    const set = clock.setTimer(afterMs, flush);
    timer = { cancel: () => set.cancel(), dueMs };
  };

  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    const batch = waiting;
    waiting = [];
    if (batch.length === 0) return;
    if (tryTransaction(database, batch).kind === "committed") {
      for (const { resolve } of batch) resolve();
      return;
    }
    // One bad write must not take the others with it: each gets a transaction, and an error, of its own.
    for (const entry of batch) {
      const outcome = tryTransaction(database, [entry]);
      if (outcome.kind === "committed") entry.resolve();
      else entry.reject(outcome.error);
    }
  };

  return {
    commit: (write) => new Promise((resolve, reject) => add({ write, resolve, reject }, delayMs)),
    commitLater: (write) => add({ write, resolve: () => {}, reject: onLaterFailed }, laterDelayMs),
    flush,
  };
}

function tryTransaction(
  database: Database,
  batch: readonly Waiting[],
): { readonly kind: "committed" } | { readonly kind: "failed"; readonly error: unknown } {
  try {
    database
      .transaction(() => {
        for (const { write } of batch) write();
      })
      .immediate();
    return { kind: "committed" };
  } catch (error) {
    return { kind: "failed", error };
  }
}
