import type { Clock } from "@symbolon/spiffe/core";

/** A launcher passes on the Ctrl-C that the terminal has sent to both: what comes this soon is the same one. */
export const SAME_SIGNAL_MS = 500;

const SIGNALS = { SIGINT: 2, SIGTERM: 15 } as const;
type Signal = keyof typeof SIGNALS;

export interface StopOnSignalOptions {
  readonly clock: Clock;
  readonly onSignal: (signal: Signal, heard: () => void) => unknown;
  readonly exit: (status: number) => unknown;
}

/**
 * For commands that go on until Ctrl-C.
 * @returns aborted by the first SIGINT or SIGTERM; one more ends the process at once, with 128 and the signal's number
 */
export function stopOnSignal({ clock, onSignal, exit }: StopOnSignalOptions): AbortSignal {
  const stopping = new AbortController();
  let firstMs: number | undefined;
  for (const [signal, number] of Object.entries(SIGNALS) as [Signal, number][])
    onSignal(signal, () => {
      if (firstMs === undefined) {
        firstMs = clock.monotonicMs();
        stopping.abort();
      } else if (clock.monotonicMs() - firstMs >= SAME_SIGNAL_MS) exit(128 + number);
    });
  return stopping.signal;
}
