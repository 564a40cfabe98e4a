import type { Clock, Random } from "@symbolon/spiffe/core";
import { productError } from "../../core/index.ts";

/** Lets a bounded number of calls work, a bounded number wait, and refuses the rest at once (RR-07). */
export interface Admission {
  run<T>(work: () => Promise<T>): Promise<T>;
}

export interface AdmissionLimits {
  readonly concurrent: number;
  readonly queued: number;
  readonly maxWaitMs: number;
}

const MAX_RETRY_AFTER_SECONDS = 30;

interface Waiting {
  readonly admit: () => void;
}

export function createAdmission(options: {
  readonly limits: AdmissionLimits;
  readonly clock: Clock;
  readonly random: Random;
}): Admission {
  const { limits, clock, random } = options;
  const queue = new Set<Waiting>();
  let working = 0;

  const overloaded = () =>
    productError("ERR_CA_OVERLOADED", "too many requests", {
      // Spread, so that those who were refused together do not come back together.
      details: { retryAfterSeconds: 1 + Math.floor(random.fraction() * MAX_RETRY_AFTER_SECONDS) },
    });

  const turn = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = clock.setTimer(limits.maxWaitMs, () => {
        queue.delete(entry);
        reject(overloaded());
      });
      const entry: Waiting = {
        admit() {
          timer.cancel();
          queue.delete(entry);
          resolve();
        },
      };
      queue.add(entry);
    });

  const leave = (): void => {
    const [next] = queue;
    // The place passes on without being free in between, so that no newcomer takes it.
    if (next) next.admit();
    else working--;
  };

  return {
    async run(work) {
      if (working < limits.concurrent) working++;
      else if (queue.size < limits.queued) await turn();
      else throw overloaded();
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}
