import type { JwtBundleSet } from "../bundle/index.ts";
import { spiffeError, systemClock } from "../core/index.ts";
import { type JwtSvid, verifyJwtSvid } from "../svid/index.ts";
import {
  createWorkloadApiClient,
  type FetchOptions,
  type JwtSvidRequest,
  type StreamProblem,
  type ValidatedJwtSvid,
  type WorkloadApiClient,
  type WorkloadApiClientOptions,
} from "../workload-api/index.ts";
import { callBack } from "./call-back.ts";
import { createJwtCache } from "./jwt-cache.ts";
import { createSourceState } from "./source-state.ts";
import type { WaitOptions } from "./x509-source.ts";

export interface VerifyJwtOptions {
  /** Names of this service; a token must be for one of them (JWT-SVID §3). */
  readonly audience: string | readonly string[];
  /** Seconds that clocks may differ; 0 without it. */
  readonly leewaySeconds?: number;
}

/** Tokens of one's own, and the keys to verify those of others with (Workload API §6; spiffe.md C6). */
export interface JwtSource extends AsyncDisposable {
  /**
   * A token, from memory during the first half of its life.
   * @throws ERR_WORKLOAD_API_*, ERR_SOURCE_CLOSED, or the signal's reason; the fetch that others wait for goes on then
   */
  fetch(request: JwtSvidRequest, options?: { readonly signal?: AbortSignal }): Promise<JwtSvid>;
  /**
   * Verifies a token here, with the bundles that the agent streams: no round trip.
   * @throws as `verifyJwtSvid`, ERR_SOURCE_NO_IDENTITY before the first bundles, ERR_SOURCE_CLOSED
   */
  verify(token: string, options: VerifyJwtOptions): JwtSvid;
  /** Has the agent verify it. @throws as `WorkloadApiClient.validateJwtSvid`, ERR_SOURCE_CLOSED */
  validate(token: string, audience: string, options?: FetchOptions): Promise<ValidatedJwtSvid>;
  /** Undefined before the first update and after `close`. */
  current(): JwtBundleSet | undefined;
  /** What is in force. @throws ERR_SOURCE_NO_IDENTITY, ERR_SOURCE_CLOSED */
  readonly bundles: JwtBundleSet;
  /** Calls back after every change of the bundles. @returns how to stop it */
  subscribe(follower: (bundles: JwtBundleSet | undefined) => void): () => void;
  /** Waits for the first bundles. @throws as `X509Source.ready` */
  ready(options?: WaitOptions): Promise<JwtBundleSet>;
  /** Twice is allowed. */
  close(): Promise<void>;
}

export interface JwtSourceOptions extends WorkloadApiClientOptions {
  /** A client that others use too; the source does not close it. Without it, the source has its own. */
  readonly client?: WorkloadApiClient;
  /** Keeps the process alive as long as the source is open; without it, only waiting for an answer does. */
  readonly keepAlive?: boolean;
  readonly onProblem?: (problem: StreamProblem) => void;
}

/** Answers as soon as the first bundles are there. @throws as `JwtSource.ready`, and ERR_WORKLOAD_API_ADDRESS_* */
export async function createJwtSource(options: JwtSourceOptions & WaitOptions = {}): Promise<JwtSource> {
  const { signal, timeoutMs } = options;
  const source = startJwtSource(options);
  try {
    await source.ready({ ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    return source;
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** The same without waiting. @throws ERR_WORKLOAD_API_ADDRESS_* */
export function startJwtSource(options: JwtSourceOptions = {}): JwtSource {
  const { clock = systemClock, keepAlive = false, onProblem } = options;
  const client = options.client ?? createWorkloadApiClient(options);
  const stop = new AbortController();
  const cache = createJwtCache(clock, (request) => client.fetchJwtSvid(request));
  const state = createSourceState<JwtBundleSet>({
    clock,
    what: "JWT bundles",
    isSame: (a, b) => a.equals(b),
    async onClose() {
      stop.abort();
      cache.clear();
      if (!options.client) await client.close();
    },
  });

  // The client may be somebody else's, and open.
  const requireOpen = (): void => {
    if (stop.signal.aborted) throw spiffeError("ERR_SOURCE_CLOSED", "the source of the JWT bundles is closed");
  };
  const hear = (problem: StreamProblem): void => {
    state.noteProblem(problem.error);
    callBack(() => onProblem?.(problem));
  };
  const follow = async (): Promise<void> => {
    const watch = client.watchJwtBundles({ signal: stop.signal, background: !keepAlive, onProblem: hear });
    for await (const bundles of watch) state.set(bundles);
  };
  follow().catch((error: unknown) => {
    if (!stop.signal.aborted) state.fail(error);
  });

  return {
    async fetch(request, { signal } = {}) {
      requireOpen();
      return withSignal(cache.get(request), signal);
    },
    verify(token, { audience, leewaySeconds = 0 }) {
      const audiences = typeof audience === "string" ? [audience] : audience;
      return verifyJwtSvid(token, state.inForce(), { audiences, now: clock.now(), leewaySeconds });
    },
    async validate(token, audience, fetchOptions) {
      requireOpen();
      return client.validateJwtSvid(token, audience, fetchOptions);
    },
    current: state.current,
    get bundles() {
      return state.inForce();
    },
    subscribe: state.subscribe,
    ready: state.ready,
    close: state.close,
    [Symbol.asyncDispose]: state.close,
  };
}

/** One caller's wait ends; the promise goes on for the others. */
function withSignal<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
