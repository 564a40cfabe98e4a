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

/** Follows the CA's state for as long as the agent lives. */
export function followNode(options: {
  readonly client: NodeClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}): NodeFollower {
  const { client, clock, random, log } = options;
  const state = createObservable<NodeState | undefined>(undefined);
  const ending = new AbortController();
  const { signal } = ending;

  const follow = async (): Promise<void> => {
    let attempts = 0;
    while (!signal.aborted) {
      try {
        await client.watchNode((next) => {
          if (attempts > 0) log.info("the CA is back", { attempts });
          attempts = 0;
          state.set(next);
        }, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (attempts === 0) log.warn("the CA is away; what it told last stays", { reason: errorText(error) });
      }
      await sleep(clock, Math.min(MAX_DELAY_MS, retryDelayMs(attempts++, undefined, random)), signal);
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
