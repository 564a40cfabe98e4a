import type { BundleSet, JwtBundleSet } from "../bundle/index.ts";
import { type Clock, type Random, systemClock, systemRandom } from "../core/index.ts";
import type { SpiffeId } from "../id/index.ts";
import type { JwtSvid } from "../svid/index.ts";
import { parseEndpointAddress } from "./endpoint-address.ts";
import { endpointSocketOfEnvironment } from "./environment.ts";
import type { StreamProblem } from "./follow-stream.ts";
import type { CallOptions } from "./grpc-call.ts";
import { createGrpcChannel, type GrpcChannel } from "./grpc-channel.ts";
import { EMPTY_REQUEST, encodeJwtSvidRequest, encodeValidateJwtSvidRequest } from "./messages.ts";
import { readJwtBundles } from "./read-jwt-bundles.ts";
import { type HintedJwtSvid, readJwtSvids, readValidatedJwtSvid, type ValidatedJwtSvid } from "./read-jwt-svids.ts";
import { readX509Bundles, readX509Context } from "./read-x509-context.ts";
import { invalidResponse } from "./response-checks.ts";
import { watch } from "./watch.ts";
import type { X509Context } from "./x509-context.ts";

export interface WorkloadApiClientOptions {
  /** As in `SPIFFE_ENDPOINT_SOCKET`, which counts when this is absent. */
  readonly socket?: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Largest message that is taken; 4 MiB without it. */
  readonly maxMessageBytes?: number;
  /** Milliseconds for the agent to show that it speaks HTTP/2; 10,000 without it. */
  readonly connectTimeoutMs?: number;
}

export interface FetchOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds to wait at most; 30,000 without it. */
  readonly timeoutMs?: number;
}

export interface JwtSvidRequest {
  /** Name of the service that the token is for, or several; a token for one alone is safer (JWT-SVID §7). */
  readonly audience: string | readonly string[];
  /** Only this identity; without it, the default one, or one token for each. */
  readonly spiffeId?: SpiffeId;
}

export interface WatchOptions {
  /** Ends the watch: the loop throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Hears of messages that were dropped and of streams that are opened again; nothing else would tell of them. */
  readonly onProblem?: (problem: StreamProblem) => void;
  /** Lets the process end while the watch is open. */
  readonly background?: boolean;
}

/**
 * Client of the SPIFFE Workload API (Workload API §5 and §6). Fetches ask once and throw; watches go on for ever
 * (spiffe.md C1-C3). Errors are ERR_WORKLOAD_API_*: NO_IDENTITY, REFUSED, UNAVAILABLE, UNREACHABLE, DEADLINE,
 * UNIMPLEMENTED, FAILED, RESPONSE_INVALID, RESPONSE_TOO_LARGE, CLOSED; or the signal's reason.
 */
export interface WorkloadApiClient extends AsyncDisposable {
  fetchX509Context(options?: FetchOptions): Promise<X509Context>;
  fetchX509Bundles(options?: FetchOptions): Promise<BundleSet>;
  /** A token of the default identity. An empty audience is ERR_WORKLOAD_API_REFUSED. */
  fetchJwtSvid(request: JwtSvidRequest, options?: FetchOptions): Promise<JwtSvid>;
  /** One token for each identity, the default one's first (S8); at least one. */
  fetchJwtSvids(request: JwtSvidRequest, options?: FetchOptions): Promise<readonly HintedJwtSvid[]>;
  fetchJwtBundles(options?: FetchOptions): Promise<JwtBundleSet>;
  /** Has the agent verify `token` for `audience`. A token that does not verify is ERR_WORKLOAD_API_REFUSED. */
  validateJwtSvid(token: string, audience: string, options?: FetchOptions): Promise<ValidatedJwtSvid>;
  watchX509Context(options?: WatchOptions): AsyncGenerator<X509Context, void>;
  watchX509Bundles(options?: WatchOptions): AsyncGenerator<BundleSet, void>;
  watchJwtBundles(options?: WatchOptions): AsyncGenerator<JwtBundleSet, void>;
  /** Ends every call. Twice is allowed. */
  close(): Promise<void>;
}

const DEFAULT_MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_FETCH_TIMEOUT_MS = 30_000;

/** @throws ERR_WORKLOAD_API_ADDRESS_MISSING, ERR_WORKLOAD_API_ADDRESS_INVALID; nothing is connected yet */
export function createWorkloadApiClient(options: WorkloadApiClientOptions = {}): WorkloadApiClient {
  const { clock = systemClock, random = systemRandom } = options;
  const channel = createGrpcChannel({
    address: parseEndpointAddress(options.socket ?? endpointSocketOfEnvironment()),
    clock,
    maxMessageBytes: options.maxMessageBytes ?? DEFAULT_MAX_MESSAGE_BYTES,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
  });

  const watchStream = <T>(method: string, decode: (message: Uint8Array) => T, watchOptions: WatchOptions = {}) => {
    const { signal, onProblem = () => {}, background = false } = watchOptions;
    const open = (callSignal: AbortSignal) =>
      channel.serverStream(method, EMPTY_REQUEST, { signal: callSignal, background });
    return watch({ open, decode, onProblem, clock, random, signal, background });
  };

  const fetchJwtSvids: WorkloadApiClient["fetchJwtSvids"] = async ({ audience, spiffeId }, fetchOptions) => {
    const audiences = typeof audience === "string" ? [audience] : audience;
    const request = encodeJwtSvidRequest(audiences, spiffeId?.toString());
    return readJwtSvids(await channel.unary("FetchJWTSVID", request, callOptions(fetchOptions)), audiences);
  };

  return {
    fetchX509Context: (fetchOptions) => firstOf(channel, "FetchX509SVID", readX509Context, fetchOptions),
    fetchX509Bundles: (fetchOptions) => firstOf(channel, "FetchX509Bundles", readX509Bundles, fetchOptions),
    fetchJwtBundles: (fetchOptions) => firstOf(channel, "FetchJWTBundles", readJwtBundles, fetchOptions),
    async fetchJwtSvid(request, fetchOptions) {
      const [first] = await fetchJwtSvids(request, fetchOptions);
      if (!first) throw invalidResponse("FetchJWTSVID", "no token in it");
      return first.svid;
    },
    fetchJwtSvids,
    async validateJwtSvid(token, audience, fetchOptions) {
      const request = encodeValidateJwtSvidRequest(audience, token);
      return readValidatedJwtSvid(await channel.unary("ValidateJWTSVID", request, callOptions(fetchOptions)));
    },
    watchX509Context: (watchOptions) => watchStream("FetchX509SVID", readX509Context, watchOptions),
    watchX509Bundles: (watchOptions) => watchStream("FetchX509Bundles", readX509Bundles, watchOptions),
    watchJwtBundles: (watchOptions) => watchStream("FetchJWTBundles", readJwtBundles, watchOptions),
    async close() {
      channel.close();
    },
    async [Symbol.asyncDispose]() {
      channel.close();
    },
  };
}

function callOptions({ signal, timeoutMs = DEFAULT_FETCH_TIMEOUT_MS }: FetchOptions = {}): CallOptions {
  return { timeoutMs, ...(signal ? { signal } : {}) };
}

/** The first message of a stream, which is then ended. */
async function firstOf<T>(
  channel: GrpcChannel,
  method: string,
  decode: (message: Uint8Array) => T,
  options: FetchOptions | undefined,
): Promise<T> {
  for await (const message of channel.serverStream(method, EMPTY_REQUEST, callOptions(options))) {
    return decode(message);
  }
  throw invalidResponse(method, "the stream ended without a message");
}
