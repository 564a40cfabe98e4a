import { type FollowOptions, followStream } from "./follow-stream.ts";

/**
 * A followed stream as an async iterable. Every value is a complete state (S2), so that a slow reader gets the newest
 * and never the ones in between. Leaving the loop ends the stream; an abort throws the signal's reason.
 * @throws as `followStream`
 */
export async function* watch<T>(
  options: Omit<FollowOptions<T>, "onValue" | "signal"> & { readonly signal?: AbortSignal | undefined },
): AsyncGenerator<T, void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const stop = new AbortController();
  let newest: { readonly value: T } | undefined;
  let end: { readonly error?: unknown } | undefined;
  let wake = (): void => {};
  const stopAndWake = (): void => {
    stop.abort();
    wake();
  };
  signal?.addEventListener("abort", stopAndWake, { once: true });
  const following = followStream({
    ...options,
    signal: stop.signal,
    onValue(value) {
      newest = { value };
      wake();
    },
  })
    .then(
      () => {
        end = {};
      },
      (error: unknown) => {
        end = { error };
      },
    )
    .then(() => wake());
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (newest) {
        const { value } = newest;
        newest = undefined;
        yield value;
      } else if (end) {
        if ("error" in end) throw end.error;
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  } finally {
    signal?.removeEventListener("abort", stopAndWake);
    stop.abort();
    await following;
  }
}
