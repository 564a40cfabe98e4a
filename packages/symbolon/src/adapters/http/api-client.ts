import { type Clock, SymbolonError, sleep } from "@symbolon/spiffe/core";
import type { ApplyRequest, ChangeAnswer, DeleteRequest, MeshStatus } from "../../control-plane/index.ts";
import { productError } from "../../core/index.ts";
import type { FetchedKeySet, MeshKind, Pod, PodStatus, PresentedObject } from "../../mesh/index.ts";
import type { DenialQuery, FamilySnapshot, PlaintextCaller, StoredDenial } from "../../telemetry/index.ts";
import { type AdministrativeCommand, API_PATHS, type ApiError, fillPath, type PodSecrets } from "./api.ts";
import { MAX_BODY_BYTES } from "./json-body.ts";

/** Client of the control plane's API; every method throws ERR_API_UNREACHABLE, or the code that the API answered. */
export interface ApiClient {
  status(): Promise<MeshStatus>;
  /** Of the whole mesh. */
  metrics(): Promise<readonly FamilySnapshot[]>;
  denials(query: DenialQuery): Promise<readonly StoredDenial[]>;
  plaintextCallers(namespace: string): Promise<readonly PlaintextCaller[]>;
  /** Of token issuers, as proxies have them. */
  keySets(): Promise<readonly FetchedKeySet[]>;
  /** Resolves when the audit log has it. */
  recordCommand(command: AdministrativeCommand): Promise<void>;
  list(kind: MeshKind, options?: { readonly namespace?: string }): Promise<readonly PresentedObject[]>;
  apply(request: ApplyRequest): Promise<ChangeAnswer>;
  delete(request: DeleteRequest): Promise<ChangeAnswer>;
  podSecrets(podUid: string): Promise<PodSecrets>;
  /** The wanted pods now and after each change, until `signal` or the control plane ends it. */
  watchPods(bootId: string, signal: AbortSignal): AsyncIterable<readonly Pod[]>;
  reportPodStatus(podUid: string, status: PodStatus): Promise<void>;
  reportPodRemoved(podUid: string): Promise<void>;
}

/** Waiting for a control plane that is not there at the moment. */
export interface ApiPatience {
  readonly clock: Clock;
  readonly withinMs: number;
  /** False: nothing will listen again. */
  worthwhile(): boolean;
}

/** Nobody listened, so nothing was done: any call may be made again. */
const NOBODY_LISTENS = new Set(["ENOENT", "ECONNREFUSED"]);
const RETRY_MS = 50;

export function createApiClient(options: {
  readonly socketPath: string;
  /** Who changes something with it, for the audit log. */
  readonly actor?: string;
  /** Absent: the first failure is the answer. */
  readonly patience?: ApiPatience;
}): ApiClient {
  const { socketPath, patience } = options;
  const actor = options.actor === undefined ? {} : { actor: options.actor };
  const call = async (method: string, path: string, content?: unknown, signal?: AbortSignal): Promise<Response> => {
    const body = content === undefined ? undefined : encodeBody(content);
    const request = () =>
      fetch(`http://control-plane${path}`, {
        method,
        unix: socketPath,
        ...(body === undefined ? {} : { body, headers: { "content-type": "application/json" } }),
        ...(signal === undefined ? {} : { signal }),
      });
    const response = await untilSomebodyListens(request, patience).catch((cause: unknown) => {
      throw productError(
        "ERR_API_UNREACHABLE",
        'the mesh is not running; start it with "symbolon up -f ...", or say with --name which one is meant',
        {
          cause,
        },
      );
    });
    if (response.ok) return response;
    throw await errorOf(response);
  };
  const read = async <T>(path: string): Promise<T> => (await (await call("GET", path)).json()) as T;
  const post = async <T>(path: string, body: unknown): Promise<T> =>
    (await (await call("POST", path, body)).json()) as T;

  return {
    status: () => read(API_PATHS.status),
    metrics: () => read(API_PATHS.metrics),
    denials: (query) =>
      read(
        `${API_PATHS.denials}?${new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)]))}`,
      ),
    plaintextCallers: (namespace) => read(`${API_PATHS.plaintextCallers}?${new URLSearchParams({ namespace })}`),
    keySets: () => read(API_PATHS.keySets),
    async recordCommand(command) {
      await call("POST", API_PATHS.commands, command);
    },
    list(kind, { namespace } = {}) {
      const query = namespace === undefined ? "" : `?${new URLSearchParams({ namespace })}`;
      return read(`${fillPath(API_PATHS.objects, { kind })}${query}`);
    },
    apply: (request) => post(API_PATHS.apply, { ...request, ...actor }),
    delete: (request) => post(API_PATHS.delete, { ...request, ...actor }),
    podSecrets: (uid) => read(fillPath(API_PATHS.podSecrets, { uid })),
    async *watchPods(boot, signal) {
      const response = await call(
        "GET",
        `${API_PATHS.runtimePods}?${new URLSearchParams({ boot })}`,
        undefined,
        signal,
      );
      if (!response.body) return;
      for await (const line of lines(response.body)) yield JSON.parse(line) as readonly Pod[];
    },
    async reportPodStatus(uid, status) {
      await call("PUT", fillPath(API_PATHS.podStatus, { uid }), status);
    },
    async reportPodRemoved(uid) {
      await call("DELETE", fillPath(API_PATHS.pod, { uid }));
    },
  };
}

/** Checked here as well: the server ends such a connection while it is being written, which reads as its absence. */
function encodeBody(content: unknown): Buffer<ArrayBuffer> {
  const body = Buffer.from(JSON.stringify(content));
  if (body.length <= MAX_BODY_BYTES) return body;
  throw productError(
    "ERR_API_REQUEST_INVALID",
    `a request of ${body.length} bytes is over the limit of ${MAX_BODY_BYTES}`,
  );
}

async function errorOf(response: Response): Promise<SymbolonError> {
  const error = (await response.json().catch(() => undefined)) as Partial<ApiError> | null | undefined;
  if (typeof error?.code === "string" && typeof error.message === "string")
    return new SymbolonError(error.code, error.message);
  return productError("ERR_API_REQUEST_INVALID", `the control plane refused the request (HTTP ${response.status})`);
}

async function untilSomebodyListens(request: () => Promise<Response>, patience?: ApiPatience): Promise<Response> {
  const deadline = patience ? patience.clock.monotonicMs() + patience.withinMs : 0;
  for (;;) {
    try {
      return await request();
    } catch (error) {
      const { code } = error as { readonly code?: unknown };
      const hopeless = !NOBODY_LISTENS.has(String(code)) || !patience?.worthwhile();
      if (hopeless || !patience || patience.clock.monotonicMs() >= deadline) throw error;
      await sleep(patience.clock, RETRY_MS);
    }
  }
}

async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of body) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
}
