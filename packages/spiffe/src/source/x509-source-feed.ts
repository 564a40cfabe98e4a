import { type Clock, equalBytes, holdProcess, type SymbolonError, spiffeError } from "../core/index.ts";
import type { X509Context } from "../workload-api/index.ts";
import type { WaitOptions, X509Source } from "./x509-source.ts";

export interface X509SourceFeedOptions {
  readonly clock: Clock;
  /** Runs once, when the source is closed. */
  readonly onClose?: () => void | Promise<void>;
}

/** The other end of a source: what is put in here is what the source answers from then on. */
export interface X509SourceFeed {
  readonly source: X509Source;
  /** undefined: there is no identity any more. A context that says nothing new is passed over. */
  set(context: X509Context | undefined): void;
  /** What a wait that ends too late names as its cause. */
  noteProblem(problem: SymbolonError): void;
  /** Nothing new will come: waits end with `error`; what is in force stays. */
  fail(error: unknown): void;
}

/** A source that is fed by its owner: from files, from another agent, in tests. */
export function createX509SourceFeed({ clock, onClose }: X509SourceFeedOptions): X509SourceFeed {
  let current: X509Context | undefined;
  let failure: { readonly error: unknown } | undefined;
  let lastProblem: SymbolonError | undefined;
  let closing: Promise<void> | undefined;
  const followers = new Set<(context: X509Context | undefined) => void>();
  const waiters = new Set<() => void>();

  const wakeWaiters = (): void => {
    for (const wake of [...waiters]) wake();
  };
  const replace = (context: X509Context | undefined): void => {
    current = context;
    for (const follower of [...followers]) follower(context);
    wakeWaiters();
  };
  const inForce = (): X509Context => {
    if (closing) throw spiffeError("ERR_SOURCE_CLOSED", "the X.509 source is closed");
    if (!current) throw spiffeError("ERR_SOURCE_NO_IDENTITY", noIdentityText(lastProblem), causedBy(lastProblem));
    return current;
  };

  const source: X509Source = {
    current: () => current,
    get svid() {
      return inForce().svid;
    },
    get bundles() {
      return inForce().bundles;
    },
    get spiffeId() {
      return inForce().svid.spiffeId;
    },
    get expiresAt() {
      return inForce().svid.notAfter;
    },
    subscribe(follower) {
      // A function of its own, so that the same one given twice is called twice and stopped one at a time.
      const own = (context: X509Context | undefined): void => follower(context);
      followers.add(own);
      return () => followers.delete(own);
    },
    async ready(options = {}) {
      const settled = () => closing !== undefined || failure !== undefined || current !== undefined;
      const isInTime = await waitUntil(settled, waiters, clock, options);
      if (closing || current) return inForce();
      if (failure) throw failure.error;
      if (isInTime) return inForce();
      const message = `no identity from the Workload API within ${options.timeoutMs} ms${lastProblem ? `: ${lastProblem.message}` : ""}`;
      throw spiffeError("ERR_SOURCE_TIMEOUT", message, causedBy(lastProblem));
    },
    close() {
      closing ??= (async () => {
        if (current) replace(undefined);
        wakeWaiters();
        followers.clear();
        await onClose?.();
      })();
      return closing;
    },
    [Symbol.asyncDispose]: () => source.close(),
  };

  return {
    source,
    set(context) {
      if (closing || isSameContext(current, context)) return;
      if (context) lastProblem = undefined;
      replace(context);
    },
    noteProblem(problem) {
      lastProblem = problem;
    },
    fail(error) {
      failure = { error };
      wakeWaiters();
    },
  };
}

/** @returns whether `settled` came true in time. @throws the signal's reason */
async function waitUntil(
  settled: () => boolean,
  waiters: Set<() => void>,
  clock: Clock,
  { signal, timeoutMs }: WaitOptions,
): Promise<boolean> {
  signal?.throwIfAborted();
  if (settled()) return true;
  // Whoever waits wants the process to go on.
  const release = holdProcess(clock);
  let isLate = false;
  let wake = (): void => {};
  const notify = (): void => wake();
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.setTimer(timeoutMs, () => {
          isLate = true;
          wake();
        });
  waiters.add(notify);
  signal?.addEventListener("abort", notify, { once: true });
  try {
    while (!settled() && !isLate && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    signal?.throwIfAborted();
    return settled();
  } finally {
    release();
    timer?.cancel();
    waiters.delete(notify);
    signal?.removeEventListener("abort", notify);
  }
}

/** An agent that was started again sends what was there before. */
function isSameContext(a: X509Context | undefined, b: X509Context | undefined): boolean {
  if (!a || !b) return a === b;
  return (
    a.bundles.equals(b.bundles) &&
    equalBytes(a.svid.leaf.der, b.svid.leaf.der) &&
    a.svids.length === b.svids.length &&
    a.svids.every(({ svid, hint }, index) => {
      const other = b.svids[index];
      return (
        other?.hint === hint &&
        svid.chain.length === other.svid.chain.length &&
        svid.chain.every((certificate, at) => {
          const otherCertificate = other.svid.chain[at];
          return otherCertificate !== undefined && equalBytes(certificate.der, otherCertificate.der);
        })
      );
    })
  );
}

function noIdentityText(problem: SymbolonError | undefined): string {
  return problem
    ? `no identity in force: ${problem.message}`
    : "no identity in force: nothing has come from the Workload API yet";
}

function causedBy(cause: SymbolonError | undefined): { readonly cause?: unknown } {
  return cause ? { cause } : {};
}
