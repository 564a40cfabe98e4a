import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createObservable, type Log, silentLog } from "@symbolon/spiffe/core";
import { createFakeClock } from "@symbolon/spiffe/testing";
import { productError } from "../../core/index.ts";
import type { Pod } from "../../mesh/index.ts";
import type { ApiBackend } from "./api.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { type ApiServer, serveApi } from "./api-server.ts";

const METRIC = { name: "a_total", help: "A.", type: "counter", series: [{ labels: { b: "c" }, value: 1 }] } as const;
const MAX_BODY_BYTES = 16 << 20;

let directory = "";
let server: ApiServer | undefined;
afterEach(async () => {
  await server?.stop();
  rmSync(directory, { recursive: true, force: true });
});

interface Fixture {
  readonly socketPath: string;
  readonly client: ApiClient;
  readonly pods: ReturnType<typeof createObservable<readonly Pod[]>>;
  /** Calls of the backend, by name, with their arguments. */
  readonly calls: unknown[][];
  /** What was logged as an error. */
  readonly errors: string[];
  /** A request as a foreigner could send it. */
  request(method: string, path: string, body?: string): Promise<{ status: number; body: unknown }>;
}

function start(overrides: Partial<ApiBackend> = {}): Fixture {
  directory = mkdtempSync(join(tmpdir(), "symbolon-api-"));
  const socketPath = join(directory, "api.sock");
  const calls: unknown[][] = [];
  const errors: string[] = [];
  const pods = createObservable<readonly Pod[]>([]);
  const answer = { accepted: true, version: 2, findings: [], changes: [] };
  const called =
    (name: string, result: unknown) =>
    (...parameters: unknown[]) => {
      calls.push([name, ...parameters]);
      return result;
    };
  const backend = {
    status: called("status", { version: 1 }),
    list: called("list", [{ kind: "Pod", metadata: { name: "web" } }]),
    apply: called("apply", Promise.resolve(answer)),
    delete: called("delete", Promise.resolve(answer)),
    metrics: called("metrics", Promise.resolve([METRIC])),
    podSecrets: called("podSecrets", { rootCertificatePem: "PEM", serviceAccountToken: "token" }),
    connectRuntime: called("connectRuntime", Promise.resolve()),
    reportPodStatus: called("reportPodStatus", Promise.resolve()),
    reportPodRemoved: called("reportPodRemoved", Promise.resolve()),
    desiredPods: pods,
    ...overrides,
  } as unknown as ApiBackend;
  const log: Log = { ...silentLog, error: (message) => void errors.push(message) };
  server = serveApi({ socketPath, backend, log });
  return {
    socketPath,
    client: createApiClient({ socketPath }),
    pods,
    calls,
    errors,
    async request(method, path, body) {
      const response = await fetch(`http://api${path}`, {
        method,
        unix: socketPath,
        ...(body === undefined ? {} : { body }),
      });
      const text = await response.text();
      return { status: response.status, body: text === "" ? undefined : JSON.parse(text) };
    },
  };
}

const GOOD_APPLY = {
  manifests: [{ file: "a.yaml", text: "x" }],
  namespace: "default",
  allowUnenforced: false,
  dryRun: true,
};
const invalid = (message: string) => ({ status: 400, body: { code: "ERR_API_REQUEST_INVALID", message } });

describe("the API over its Unix socket", () => {
  test("carries every call to the control plane, and its answer back", async () => {
    const { client, calls } = start();
    expect(await client.status()).toEqual({ version: 1 } as never);
    expect(await client.list("Pod", { namespace: "a/b&c" })).toMatchObject([{ metadata: { name: "web" } }]);
    await client.list("PeerAuthentication");
    expect(await client.apply(GOOD_APPLY)).toMatchObject({ version: 2 });
    const keys = [{ kind: "Pod" as const, namespace: "foo", name: "web" }];
    await client.delete({ keys, ignoreNotFound: true });
    expect(await client.podSecrets("uid/1")).toMatchObject({ serviceAccountToken: "token" });
    await client.reportPodStatus("uid", { phase: "Running" } as never);
    await client.reportPodRemoved("uid");
    expect(calls).toEqual([
      ["status"],
      ["list", "Pod", "a/b&c"],
      ["list", "PeerAuthentication", undefined],
      ["apply", GOOD_APPLY],
      ["delete", { keys, ignoreNotFound: true }],
      ["podSecrets", "uid/1"],
      ["reportPodStatus", "uid", { phase: "Running" }],
      ["reportPodRemoved", "uid"],
    ]);
  });

  test("says who changes something, when its client knows; a name is a text", async () => {
    const { socketPath, calls, request } = start();
    const client = createApiClient({ socketPath, actor: "command line (uid 7)" });
    await client.apply(GOOD_APPLY);
    await client.delete({ keys: [], ignoreNotFound: true });
    expect(calls).toEqual([
      ["apply", { ...GOOD_APPLY, actor: "command line (uid 7)" }],
      ["delete", { keys: [], ignoreNotFound: true, actor: "command line (uid 7)" }],
    ]);
    expect(await request("POST", "/v1/apply", JSON.stringify({ ...GOOD_APPLY, actor: 7 }))).toEqual(
      invalid('field "actor" is not a string'),
    );
  });

  test("metrics are JSON for programs, and text for Prometheus", async () => {
    const { client, socketPath } = start();
    expect(await client.metrics()).toEqual([METRIC]);
    const response = await fetch("http://api/metrics", { unix: socketPath });
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await response.text()).toBe('# HELP a_total A.\n# TYPE a_total counter\na_total{b="c"} 1\n');
  });

  test("refuses what is no JSON, no object, or lacks a field, and says which; the control plane hears nothing", async () => {
    const { request, calls } = start();
    const cases: readonly [string, string][] = [
      ["", "the body of the request is not JSON"],
      ["{", "the body of the request is not JSON"],
      ["[]", "the body of the request is not a JSON object"],
      ["null", "the body of the request is not a JSON object"],
      ["{}", 'field "manifests" is not a list of objects'],
      [JSON.stringify({ ...GOOD_APPLY, manifests: {} }), 'field "manifests" is not a list of objects'],
      [JSON.stringify({ ...GOOD_APPLY, manifests: [1] }), 'field "manifests" is not a list of objects'],
      [JSON.stringify({ ...GOOD_APPLY, manifests: [{ file: 1, text: "" }] }), 'field "file" is not a string'],
      [JSON.stringify({ ...GOOD_APPLY, manifests: [{ file: "a" }] }), 'field "text" is not a string'],
      [JSON.stringify({ ...GOOD_APPLY, namespace: null }), 'field "namespace" is not a string'],
      [JSON.stringify({ ...GOOD_APPLY, dryRun: "true" }), 'field "dryRun" is neither true nor false'],
      [JSON.stringify({ ...GOOD_APPLY, allowUnenforced: 1 }), 'field "allowUnenforced" is neither true nor false'],
    ];
    for (const [body, message] of cases) expect(await request("POST", "/v1/apply", body)).toEqual(invalid(message));
    expect(calls).toEqual([]);
  });

  test("refuses to delete what is not of a kind of the mesh", async () => {
    const { request, calls } = start();
    for (const kind of ["Secret", "pod", "", "constructor", 5])
      expect(
        await request(
          "POST",
          "/v1/delete",
          JSON.stringify({ keys: [{ kind, namespace: "a", name: "b" }], ignoreNotFound: false }),
        ),
      ).toMatchObject({
        status: 400,
        body: { message: expect.stringMatching(/^field "kind" is none of Namespace, /) },
      });
    expect(calls).toEqual([]);
  });

  test("has no other paths, and says which methods a path has", async () => {
    const { request } = start();
    for (const path of [
      "/",
      "/v1",
      "/v1/status/",
      "/v2/status",
      "/v1/objects/",
      "/v1/objects/%zz",
      "/v1/../v1/x",
      "/v1/runtime/pods//status",
    ])
      expect((await request("GET", path)).status).toBe(404);
    expect(await request("POST", "/v1/status")).toEqual({
      status: 405,
      body: { code: "ERR_API_REQUEST_INVALID", message: "wanted GET" },
    });
    expect(await request("GET", "/v1/apply")).toMatchObject({ status: 405, body: { message: "wanted POST" } });
    expect(await request("GET", "/v1/objects/Secret")).toEqual({
      status: 404,
      body: { code: "ERR_OBJECT_NOT_FOUND", message: 'there is no kind "Secret"' },
    });
  });

  test("a body of the largest size is read; one byte more is refused with a code that the client understands", async () => {
    const { request, client, calls } = start();
    const around = JSON.stringify({ ...GOOD_APPLY, manifests: [{ file: "a", text: "" }] }).length;
    const apply = (bytes: number) => ({ ...GOOD_APPLY, manifests: [{ file: "a", text: "x".repeat(bytes - around) }] });
    expect((await request("POST", "/v1/apply", JSON.stringify(apply(MAX_BODY_BYTES)))).status).toBe(200);
    expect(calls.length).toBe(1);
    await expect(client.apply(apply(MAX_BODY_BYTES + 1))).rejects.toMatchObject({
      code: "ERR_API_REQUEST_INVALID",
      message: `a request of ${MAX_BODY_BYTES + 1} bytes is over the limit of ${MAX_BODY_BYTES}`,
    });
    // A foreigner who sends it all the same is cut off, with an answer or without.
    const foreign = await request("POST", "/v1/apply", JSON.stringify(apply(MAX_BODY_BYTES + 1))).catch(
      () => undefined,
    );
    expect(foreign === undefined || foreign.status === 413).toBe(true);
    expect(await client.status()).toBeDefined();
    expect(calls.length).toBe(2);
  });

  test("bytes that are no HTTP harm nobody else", async () => {
    const { socketPath, client } = start();
    for (const text of ["\0\0\0\0", "GET\r\n\r\n", "POST /v1/apply HTTP/1.1\r\ncontent-length: -1\r\n\r\n"]) {
      const socket = net.connect(socketPath);
      socket.on("error", () => undefined);
      socket.end(text);
      await new Promise((resolve) => socket.resume().once("close", resolve));
    }
    expect(await client.status()).toBeDefined();
  });
});

describe("failures of the control plane", () => {
  const cases: readonly [string, number][] = [
    ["ERR_OBJECT_NOT_FOUND", 404],
    ["ERR_OBJECT_OWNED_BY_FILE", 409],
    ["ERR_STATE_UNWRITABLE", 503],
    ["ERR_API_REQUEST_INVALID", 400],
  ];
  for (const [code, status] of cases)
    test(`${code} is a ${status}, and the client throws the same code and message`, async () => {
      const fail = () => {
        throw productError(code as "ERR_OBJECT_NOT_FOUND", "why");
      };
      const { request, client, errors } = start({ apply: fail, status: fail });
      expect(await request("POST", "/v1/apply", JSON.stringify(GOOD_APPLY))).toEqual({
        status,
        body: { code, message: "why" },
      });
      await expect(client.apply(GOOD_APPLY)).rejects.toMatchObject({ code, message: "why" });
      await expect(client.status()).rejects.toMatchObject({ code });
      expect(errors).toEqual([]);
    });

  test("a bug is a 500 that tells nothing; the log has it", async () => {
    const { request, errors } = start({
      status() {
        throw new TypeError("the key is hunter2");
      },
    });
    expect(await request("GET", "/v1/status")).toEqual({
      status: 500,
      body: { code: "ERR_INTERNAL_BUG", message: "internal error; the control plane's log has more" },
    });
    expect(errors).toEqual(["request failed unexpectedly"]);
  });
});

describe("the stream of pods", () => {
  const list = (...names: readonly string[]) => names.map((name) => ({ name })) as unknown as readonly Pod[];

  test("begins with the list in force, goes on with each change, and ends when its reader does", async () => {
    const { client, pods, calls } = start();
    pods.set(list("a"));
    const ending = new AbortController();
    const stream = client.watchPods("boot 1", ending.signal)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual(list("a"));
    expect(calls).toEqual([["connectRuntime", "boot 1"]]);
    pods.set(list("a", "b"));
    expect((await stream.next()).value).toEqual(list("a", "b"));
    pods.set([]);
    expect((await stream.next()).value).toEqual([]);
    ending.abort();
    await expect(stream.next()).rejects.toThrow();
  });

  test("gives a reader that lags the newest list, not each", async () => {
    const { client, pods } = start();
    const stream = client.watchPods("boot", new AbortController().signal)[Symbol.asyncIterator]();
    expect((await stream.next()).value).toEqual([]);
    // In one turn: nothing can be read in between.
    for (let count = 0; count < 100; count++) pods.set(list(`pod ${count}`));
    const next = (await stream.next()).value;
    expect([list("pod 0"), list("pod 99")]).toContainEqual(next);
    if (next?.[0]?.name === "pod 0") expect((await stream.next()).value).toEqual(list("pod 99"));
    await server?.stop();
    server = undefined;
    // The end of the control plane is the end of the stream, by error or without.
    await stream.next().catch(() => undefined);
  });
});

describe("a client without control plane", () => {
  test("says at once that the mesh is not running, and how to start it", async () => {
    const client = createApiClient({ socketPath: "/nonexistent/api.sock" });
    await expect(client.status()).rejects.toMatchObject({
      code: "ERR_API_UNREACHABLE",
      message: 'the mesh is not running; start it with "symbolon up -f ...", or say with --name which one is meant',
    });
  });

  test("with patience tries again until one listens", async () => {
    const { socketPath } = start();
    await server?.stop();
    server = undefined;
    rmSync(socketPath, { force: true });
    const clock = createFakeClock();
    const client = createApiClient({ socketPath, patience: { clock, withinMs: 1000, worthwhile: () => true } });
    const answer = client.status();
    const backend = { status: () => ({ version: 7 }) } as unknown as ApiBackend;
    while (clock.pendingTimersMs.length === 0) await new Promise((resolve) => setImmediate(resolve));
    server = serveApi({ socketPath, backend, log: silentLog });
    await clock.advance(50);
    expect(await answer).toEqual({ version: 7 } as never);
  });

  test("with patience gives up when its time is over, or when nobody will come", async () => {
    const clock = createFakeClock();
    let hope = true;
    const patience = { clock, withinMs: 100, worthwhile: () => hope };
    const client = createApiClient({ socketPath: "/nonexistent/api.sock", patience });
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    const answer = client.status().then(
      () => "answered",
      (error: { code: string }) => error.code,
    );
    for (let step = 0; step < 3; step++) {
      while (clock.pendingTimersMs.length === 0 && step < 2) await turn();
      await clock.advance(50);
    }
    expect(await answer).toBe("ERR_API_UNREACHABLE");
    hope = false;
    await expect(client.status()).rejects.toMatchObject({ code: "ERR_API_UNREACHABLE" });
  });

  test("a socket that was left behind is replaced by the next server", async () => {
    const { socketPath } = start();
    await server?.stop();
    writeFileSync(socketPath, "");
    server = serveApi({
      socketPath,
      backend: { status: () => ({ version: 8 }) } as unknown as ApiBackend,
      log: silentLog,
    });
    expect(await createApiClient({ socketPath }).status()).toEqual({ version: 8 } as never);
  });
});
