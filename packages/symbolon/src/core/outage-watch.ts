import { type Clock, createObservable, errorText, type Observable } from "@symbolon/spiffe/core";

export interface Outage {
  /** Of the first failure after the last success. */
  readonly since: Date;
  /** Of the last failure, within a second: what has recovered is out of order until it is tried again. */
  readonly lastTry: Date;
  /** Of the last failure. */
  readonly error: string;
}

const SAME_TRY_MS = 1000;

/** "ERROR, since TIME, last tried at TIME" */
export function outageText({ since, lastTry, error }: Outage): string {
  return `${error}, since ${since.toISOString()}, last tried at ${lastTry.toISOString()}`;
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
      const now = clock.now();
      const { current } = outage;
      if (current?.error === error && now.getTime() - current.lastTry.getTime() < SAME_TRY_MS) return;
      outage.set({ since: current?.since ?? now, lastTry: now, error });
    },
  };
}
