import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { BundleSet, JwtBundle, JwtBundleSet } from "../bundle/index.ts";
import { jwkFromPublicKey, parseJwkSet } from "../jwt/index.ts";
import { createFakeClock, createTestAuthority, startFakeWorkloadApi } from "../testing/index.ts";
import { createWorkloadApiClient, type StreamProblem } from "../workload-api/index.ts";
import { createKeyPair } from "../x509/index.ts";
import { identity } from "./index.ts";

const root = createTestAuthority("example.org");
const { privateKey, publicKey } = createKeyPair();
const keySet = parseJwkSet(JSON.stringify({ keys: [jwkFromPublicKey(publicKey, { kid: "k" })] }));
const state = {
  svids: [{ svid: root.issue("/web"), hint: "" }],
  bundles: BundleSet.of(root.bundle),
  jwtBundles: JwtBundleSet.of(JwtBundle.fromKeys(root.trustDomain, keySet.keys)),
  jwtKey: { keyId: "k", privateKey },
};

const open: AsyncDisposable[] = [];
function kept<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

const startApi = async () => kept(await startFakeWorkloadApi({ state }));
const ABSENT = "unix:///nonexistent/symbolon/agent.sock";

describe("identity()", () => {
  test("is there when it answers, and follows a rotation", async () => {
    const api = await startApi();
    const me = kept(await identity({ socket: api.socket }));
    assert.equal(me.spiffeId.toString(), "spiffe://example.org/web");
    assert.deepEqual(me.expiresAt, state.svids[0]?.svid.notAfter);
    assert.ok(me.bundles.get(root.trustDomain));
    const next = new Promise((resolve) => me.subscribe(resolve));
    api.update({ ...state, svids: [{ svid: root.issue("/renewed"), hint: "" }] });
    await next;
    assert.equal(me.svid.spiffeId.path, "/renewed");
    assert.equal((await me.ready()).svid, me.svid);
  });

  test("asks for tokens and for keys when they are wanted, not before", async () => {
    const api = await startApi();
    const me = kept(await identity({ socket: api.socket }));
    const methods = () => api.calls.map(({ method }) => method).sort();
    assert.deepEqual(methods(), ["FetchX509SVID"]);
    const { token, audiences } = await me.jwt({ audience: "db" });
    assert.deepEqual(audiences, ["db"]);
    const caller = await me.verifyJwt(token.expose(), { audience: "db" });
    assert.equal(caller.spiffeId.toString(), "spiffe://example.org/web");
    await assert.rejects(me.verifyJwt(token.expose(), { audience: "dbx" }), { code: "ERR_JWT_AUDIENCE" });
    assert.deepEqual(methods(), ["FetchJWTBundles", "FetchJWTSVID", "FetchX509SVID"]);
  });

  test("without an agent it is over after its time, and nothing is left behind", async () => {
    const clock = createFakeClock();
    let hear = (_problem: StreamProblem): void => {};
    const heard = new Promise<StreamProblem>((resolve) => {
      hear = resolve;
    });
    const attempt = identity({ socket: ABSENT, timeoutMs: 5000, clock, onProblem: (problem) => hear(problem) });
    const refused = assert.rejects(attempt, (error: { readonly code: string; readonly cause?: { code?: string } }) => {
      assert.equal(error.code, "ERR_SOURCE_TIMEOUT");
      assert.equal(error.cause?.code, "ERR_WORKLOAD_API_UNREACHABLE");
      return true;
    });
    const { error, outcome } = await heard;
    assert.equal(outcome, "retry");
    assert.match(error.message, /nonexistent/);
    await clock.advance(5000);
    await refused;
    // Timers of the last attempt's connection go with its socket, which the system ends.
    await clock.advance(0);
    assert.deepEqual(clock.pendingTimersMs, []);
  });

  test("without an address it says so", async () => {
    const known = process.env.SPIFFE_ENDPOINT_SOCKET;
    delete process.env.SPIFFE_ENDPOINT_SOCKET;
    try {
      await assert.rejects(identity(), { code: "ERR_WORKLOAD_API_ADDRESS_MISSING" });
    } finally {
      if (known !== undefined) process.env.SPIFFE_ENDPOINT_SOCKET = known;
    }
  });

  test("ends with the reason of its signal while it waits, and at once with one that was given before", async () => {
    const api = await startApi();
    api.failNext("FetchX509SVID", { kind: "silence" });
    const stop = new AbortController();
    const waiting = assert.rejects(identity({ socket: api.socket, signal: stop.signal }), /enough/);
    stop.abort(new Error("enough"));
    await waiting;
    const given = identity({ socket: api.socket, signal: AbortSignal.abort(new Error("before")) });
    await assert.rejects(given, /before/);
  });

  test("an agent that refuses for good ends the wait with what it said (C2)", async () => {
    const api = await startApi();
    api.failNext("FetchX509SVID", { kind: "status", code: 3, text: "no" });
    await assert.rejects(identity({ socket: api.socket }), { code: "ERR_WORKLOAD_API_REFUSED" });
  });

  test("once closed it has no identity, tells its followers, and asks for nothing", async () => {
    const api = await startApi();
    const me = await identity({ socket: api.socket });
    const { token } = await me.jwt({ audience: "db" });
    const heard: unknown[] = [];
    me.subscribe((context) => heard.push(context));
    await me.close();
    await me[Symbol.asyncDispose]();
    assert.deepEqual(heard, [undefined]);
    assert.equal(me.current(), undefined);
    const closed = { code: "ERR_SOURCE_CLOSED" };
    assert.throws(() => me.svid, closed);
    assert.throws(() => me.bundles, closed);
    const asked = api.calls.length;
    await assert.rejects(me.ready(), closed);
    await assert.rejects(me.jwt({ audience: "db" }), closed);
    await assert.rejects(me.verifyJwt(token.expose(), { audience: "db" }), closed);
    assert.equal(api.calls.length, asked);
  });

  test("closed before it was asked for a token, it starts nothing for one", async () => {
    const api = await startApi();
    const client = kept(createWorkloadApiClient({ socket: api.socket }));
    const me = await identity({ client });
    await me.close();
    await assert.rejects(me.jwt({ audience: "db" }), { code: "ERR_SOURCE_CLOSED" });
    assert.deepEqual(
      api.calls.map(({ method }) => method),
      ["FetchX509SVID"],
    );
    // The client is its owner's.
    assert.equal((await client.fetchX509Context()).svid.spiffeId.path, "/web");
  });
});
