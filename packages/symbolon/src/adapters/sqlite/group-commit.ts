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
  /** How long a group waits for the next caller: nobody has joined for so long, and it is committed. */
  readonly delayMs: number;
  /** How long the first caller waits at most, however many join: a busy process gathers more for one wait of the disk. */
  readonly maxDelayMs: number;
  /** How long a write that nobody waits for may wait for a transaction to join. */
  readonly laterDelayMs: number;
  readonly onLaterFailed: (error: unknown) => void;
}

/** Timers run to the millisecond: less than one is not waited for. */
const TIMER_STEP_MS = 1;

export function createGroupCommit(options: GroupCommitOptions): GroupCommit {
  const { database, clock, delayMs, maxDelayMs, laterDelayMs, onLaterFailed } = options;
  let waiting: Waiting[] = [];
  let timer: { cancel(): void; readonly dueMs: number } | undefined;
  /** When those who wait for it want the group committed; undefined while nobody does. */
  let wanted: { readonly quietMs: number; readonly latestMs: number } | undefined;

  const add = (entry: Waiting, nowMs: number, afterMs: number): void => {
    waiting.push(entry);
    if (timer && timer.dueMs <= nowMs + afterMs) return;
    timer?.cancel();
    arm(nowMs, afterMs);
  };

  const arm = (nowMs: number, afterMs: number): void => {
    const set = clock.setTimer(afterMs, flushIfDue);
    timer = { cancel: () => set.cancel(), dueMs: nowMs + afterMs };
  };

  // The timer stays when a caller joins, and is set anew only when it has run: setting one for each costs more.
  const flushIfDue = (): void => {
    timer = undefined;
    const nowMs = clock.monotonicMs();
    const leftMs = wanted ? Math.min(wanted.quietMs, wanted.latestMs) - nowMs : 0;
    if (leftMs >= TIMER_STEP_MS) arm(nowMs, leftMs);
    else flush();
  };

  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    wanted = undefined;
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
    commit: (write) =>
      new Promise((resolve, reject) => {
        const nowMs = clock.monotonicMs();
        wanted = { quietMs: nowMs + delayMs, latestMs: wanted?.latestMs ?? nowMs + maxDelayMs };
        add({ write, resolve, reject }, nowMs, delayMs);
      }),
    commitLater: (write) => add({ write, resolve: () => {}, reject: onLaterFailed }, clock.monotonicMs(), laterDelayMs),
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
