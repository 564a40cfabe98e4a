import {
  type Clock,
  createObservable,
  errorText,
  type Log,
  type Observable,
  type Random,
  sleep,
} from "@symbolon/spiffe/core";
import type { NodeClient, NodeState } from "./ports.ts";
import { retryDelayMs } from "./rotation-schedule.ts";

export interface NodeFollower {
  /** The last state that the CA has told; undefined until the first one. A CA that is away takes nothing back. */
  readonly state: Observable<NodeState | undefined>;
  close(): Promise<void>;
}

/** The CA of the same machine comes back in seconds, and entries that were deleted meanwhile should not outlive it long. */
const MAX_DELAY_MS = 2000;
/** Each watch brings the whole state: an agent whose problem comes and goes may not ask for it all the time. */
const BETWEEN_PROBLEMS_MS = 1000;

/** Follows the CA's state for as long as the agent lives, and tells it what is wrong with the agent. */
export function followNode(options: {
  readonly client: NodeClient;
  /** In words, for `symbolon status`; undefined while nothing is wrong. */
  readonly problem: Observable<string | undefined>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): NodeFollower {
  const { client, problem, clock, random, log } = options;
  const state = createObservable<NodeState | undefined>(undefined);
  const ending = new AbortController();
  const { signal } = ending;

  const follow = async (): Promise<void> => {
    let attempts = 0;
    while (!signal.aborted) {
      let delayMs = BETWEEN_PROBLEMS_MS;
      try {
        await untilProblemChanges((told, watching) =>
          client.watchNode(
            (next) => {
              if (attempts > 0) log.info("the CA is back", { attempts });
              attempts = 0;
              state.set(next);
            },
            watching,
            told,
          ),
        );
      } catch (error) {
        if (signal.aborted) return;
        if (attempts === 0) log.warn("the CA is away; what it told last stays", { reason: errorText(error) });
        delayMs = Math.min(MAX_DELAY_MS, retryDelayMs(attempts++, undefined, random));
      }
      await sleep(clock, delayMs, signal);
    }
  };

  /** Ends the watch, too, when the agent does. */
  const untilProblemChanges = async (
    watch: (told: string | undefined, watching: AbortSignal) => Promise<void>,
  ): Promise<void> => {
    const told = problem.current;
    const watching = new AbortController();
    const end = (): void => watching.abort();
    const unfollow = problem.subscribe((now) => {
      if (now !== told) end();
    });
    signal.addEventListener("abort", end, { once: true });
    try {
      await watch(told, watching.signal);
    } finally {
      unfollow();
      signal.removeEventListener("abort", end);
    }
  };

  const life = follow();
  return {
    state,
    async close() {
      ending.abort();
      await life;
    },
  };
}
