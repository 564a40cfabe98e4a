import { type Clock, createObservable, errorText, type Observable } from "@symbolon/spiffe/core";

export interface Outage {
  /** Of the first failure after the last success. */
  readonly since: Date;
  /** Of the last failure. */
  readonly error: string;
}

/** What is known of something that can only be tried, for `symbolon status`: whether its newest try failed. */
export interface OutageWatch {
  readonly outage: Observable<Outage | undefined>;
  succeeded(): void;
  failed(error: unknown): void;
}

export function createOutageWatch(clock: Clock): OutageWatch {
  const outage = createObservable<Outage | undefined>(undefined);
  return {
    outage,
    succeeded() {
      if (outage.current) outage.set(undefined);
    },
    failed(cause) {
      const error = errorText(cause);
      if (outage.current?.error !== error) outage.set({ since: outage.current?.since ?? clock.now(), error });
    },
  };
}
