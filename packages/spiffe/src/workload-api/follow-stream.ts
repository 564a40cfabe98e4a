import { type Clock, fullJitterBackoffMs, isSymbolonError, type Random, type SymbolonError } from "../core/index.ts";

/** C7: the first tries are quick, as the agent is most often only being updated; nobody waits longer than ten seconds for it to be found again. */
export const RECONNECT_BACKOFF = { baseMs: 200, capMs: 10_000 } as const;
/** A stream that lived shorter is not opened again at once, or a server that ends each would be asked without pause. */
const LASTING_MS = 1000;

/** What a stream met, and what becomes of it. */
export interface StreamProblem {
  readonly error: SymbolonError;
  /**
   * discarded: one message was not acceptable, the stream goes on. retry: it is opened again after `delayMs`.
   * ended: it is not opened again (C2).
   */
  readonly outcome: "discarded" | "retry" | "ended";
  readonly delayMs: number;
}

export interface FollowOptions<T> {
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** @throws ERR_WORKLOAD_API_RESPONSE_INVALID */
  decode(message: Uint8Array): T;
  onValue(value: T): void;
  onProblem(problem: StreamProblem): void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Whether waiting for the next try lets the process end. */
  readonly background: boolean;
}

/**
 * Keeps a stream open until `signal` aborts, and then answers (spiffe.md C1-C3): opens it again at once when a stream
 * that had lasted is lost, else after a back-off, which a good message resets; drops messages that are not acceptable.
 * @throws ERR_WORKLOAD_API_REFUSED, ERR_WORKLOAD_API_UNIMPLEMENTED and ERR_WORKLOAD_API_CLOSED: asking again would
 *   change nothing (Workload Endpoint, appendix A)
 */
export async function followStream<T>(options: FollowOptions<T>): Promise<void> {
  const { clock, random, signal, onProblem } = options;
  for (let failures = 0; !signal.aborted; ) {
    const openedMs = clock.monotonicMs();
    let wasGood = false;
    const error = await readToEnd(options, () => {
      wasGood = true;
      failures = 0;
    });
    if (signal.aborted) return;
    if (error && endsWatch(error)) {
      onProblem({ error, outcome: "ended", delayMs: 0 });
      throw error;
    }
    const hadLasted = wasGood && clock.monotonicMs() - openedMs >= LASTING_MS;
    const delayMs = hadLasted ? 0 : fullJitterBackoffMs(failures++, random, RECONNECT_BACKOFF);
    if (error) onProblem({ error, outcome: "retry", delayMs });
    await pause(options, delayMs);
  }
}

/** @returns what the stream ended with; undefined when the server just ended it */
async function readToEnd<T>(options: FollowOptions<T>, onGood: () => void): Promise<SymbolonError | undefined> {
  const { open, decode, onValue, onProblem, signal } = options;
  try {
    for await (const message of open(signal)) {
      const value = decoded(decode, message);
      if (signal.aborted) return undefined;
      if (isSymbolonError(value)) {
        onProblem({ error: value, outcome: "discarded", delayMs: 0 });
        continue;
      }
      onGood();
      onValue(value);
    }
    return undefined;
  } catch (error) {
    if (signal.aborted) return undefined;
    if (isSymbolonError(error)) return error;
    throw error;
  }
}

function decoded<T>(decode: (message: Uint8Array) => T, message: Uint8Array): T | SymbolonError {
  try {
    return decode(message);
  } catch (error) {
    if (isSymbolonError(error)) return error;
    throw error;
  }
}

/** C2 and Workload Endpoint appendix A. */
function endsWatch({ code }: SymbolonError): boolean {
  return (
    code === "ERR_WORKLOAD_API_REFUSED" ||
    code === "ERR_WORKLOAD_API_UNIMPLEMENTED" ||
    code === "ERR_WORKLOAD_API_CLOSED"
  );
}

function pause(
  { clock, signal, background }: FollowOptions<never> | FollowOptions<unknown>,
  delayMs: number,
): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish);
    if (background) timer.unref?.();
    signal.addEventListener("abort", finish, { once: true });
  });
}
