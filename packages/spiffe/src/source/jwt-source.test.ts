import assert from "node:assert/strict";
import { afterEach, describe, test } from "node:test";
import { JwtBundle, JwtBundleSet } from "../bundle/index.ts";
import { SpiffeId } from "../id/index.ts";
import { jwkFromPublicKey, parseJwkSet } from "../jwt/index.ts";
import { signJwtSvid } from "../svid/index.ts";
import { createFakeClock, createTestAuthority, startFakeWorkloadApi } from "../testing/index.ts";
import { createWorkloadApiClient } from "../workload-api/index.ts";
import { createKeyPair } from "../x509/index.ts";
import { createJwtSource, startJwtSource } from "./index.ts";

const root = createTestAuthority("example.org");
const spiffeId = SpiffeId.parse("spiffe://example.org/web");
const BEGIN = new Date("2026-01-01T00:00:00Z");
const LIFE_MS = 60_000;

/** A signing key, and what the agent serves while it is the only one. */
function authority(keyId: string) {
  const { privateKey, publicKey } = createKeyPair();
  const { keys } = parseJwkSet(JSON.stringify({ keys: [jwkFromPublicKey(publicKey, { kid: keyId })] }));
  const jwtKey = { keyId, privateKey };
  const expiresAt = new Date(BEGIN.getTime() + LIFE_MS);
  return {
    jwtKey,
    jwtBundles: JwtBundleSet.of(JwtBundle.fromKeys(root.trustDomain, keys)),
    svids: [{ svid: root.issue("/web"), hint: "" }],
    token: (audience: string) =>
      signJwtSvid({ spiffeId, audiences: [audience], issuedAt: BEGIN, expiresAt }, jwtKey).token.expose(),
  };
}

const first = authority("first");
const second = authority("second");

const open: AsyncDisposable[] = [];
function kept<T extends AsyncDisposable>(resource: T): T {
  open.push(resource);
  return resource;
}
afterEach(async () => {
  for (let each = open.pop(); each; each = open.pop()) await each[Symbol.asyncDispose]();
});

/** An agent with the first key, and a source that has its bundles. */
async function started() {
  const clock = createFakeClock(BEGIN);
  const api = kept(await startFakeWorkloadApi({ state: first, clock }));
  const source = kept(await createJwtSource({ socket: api.socket, clock }));
  return { clock, api, source };
}

describe("a JWT source", () => {
  test("has nothing to verify with before its first bundles, and says why", async () => {
    const clock = createFakeClock(BEGIN);
    const api = kept(await startFakeWorkloadApi({ state: first, clock }));
    const source = kept(startJwtSource({ socket: api.socket, clock }));
    const verify = () => source.verify(first.token("db"), { audience: "db" });
    assert.equal(source.current(), undefined);
    assert.throws(verify, { code: "ERR_SOURCE_NO_IDENTITY" });
    assert.throws(() => source.bundles, { code: "ERR_SOURCE_NO_IDENTITY" });
    assert.equal(await source.ready(), source.bundles);
    assert.equal(verify().spiffeId.toString(), "spiffe://example.org/web");
  });

  test("verifies audience, time and signature with the bundles that it has", async () => {
    const { clock, api, source } = await started();
    const token = first.token("db");
    const asked = api.calls.length;
    assert.equal(source.verify(token, { audience: ["cache", "db"] }).spiffeId.path, "/web");
    assert.throws(() => source.verify(token, { audience: "dbx" }), { code: "ERR_JWT_AUDIENCE" });
    assert.throws(() => source.verify(second.token("db"), { audience: "db" }), { code: "ERR_JWT_KEY_NOT_FOUND" });
    await clock.advance(LIFE_MS - 1);
    source.verify(token, { audience: "db" });
    await clock.advance(1001);
    assert.throws(() => source.verify(token, { audience: "db" }), { code: "ERR_JWT_EXPIRED" });
    source.verify(token, { audience: "db", leewaySeconds: 5 });
    assert.equal(api.calls.length, asked);
  });

  test("follows the agent's keys: a new one counts, one that is gone does not", async () => {
    const { api, source } = await started();
    const next = new Promise((resolve) => source.subscribe(resolve));
    api.update(second);
    assert.equal(await next, source.bundles);
    source.verify(second.token("db"), { audience: "db" });
    assert.throws(() => source.verify(first.token("db"), { audience: "db" }), { code: "ERR_JWT_KEY_NOT_FOUND" });
  });

  test("has the agent verify a token when asked to", async () => {
    const { source } = await started();
    const { spiffeId: caller, claims } = await source.validate(first.token("db"), "db");
    assert.equal(caller.toString(), "spiffe://example.org/web");
    assert.equal(claims.sub, "spiffe://example.org/web");
    await assert.rejects(source.validate(first.token("db"), "dbx"), { code: "ERR_WORKLOAD_API_REFUSED" });
  });

  test("fetches a token once for half of its life", async () => {
    const { clock, api, source } = await started();
    const fetched = () => api.calls.filter(({ method }) => method === "FetchJWTSVID").length;
    const token = await source.fetch({ audience: "db" });
    assert.equal(await source.fetch({ audience: "db" }), token);
    assert.equal(fetched(), 1);
    await clock.advance(150_000);
    assert.notEqual(await source.fetch({ audience: "db" }), token);
    assert.equal(fetched(), 2);
  });

  test("one caller's signal ends that caller's wait alone", async () => {
    const clock = createFakeClock(BEGIN);
    let hasArrived = (): void => {};
    const arrived = new Promise<void>((resolve) => {
      hasArrived = resolve;
    });
    const setTimer: typeof clock.setTimer = (delayMs, callback) => {
      hasArrived();
      return clock.setTimer(delayMs, callback);
    };
    const api = kept(await startFakeWorkloadApi({ state: first, clock: { ...clock, setTimer } }));
    const source = kept(await createJwtSource({ socket: api.socket, clock }));
    api.failNext("FetchJWTSVID", { kind: "delay", ms: 1000 });
    const stop = new AbortController();
    const impatient = assert.rejects(source.fetch({ audience: "db" }, { signal: stop.signal }), /enough/);
    const patient = source.fetch({ audience: "db" });
    stop.abort(new Error("enough"));
    await impatient;
    const given = source.fetch({ audience: "db" }, { signal: AbortSignal.abort(new Error("before")) });
    await assert.rejects(given, /before/);
    await arrived;
    await clock.advance(1000);
    assert.equal((await patient).spiffeId.path, "/web");
    assert.equal(api.calls.filter(({ method }) => method === "FetchJWTSVID").length, 1);
  });

  test("waits no longer than it is told to, and names what it met", async () => {
    const clock = createFakeClock(BEGIN);
    const api = kept(await startFakeWorkloadApi({ state: {}, clock }));
    let hear = (): void => {};
    const heard = new Promise<void>((resolve) => {
      hear = resolve;
    });
    const attempt = createJwtSource({ socket: api.socket, clock, timeoutMs: 2000, onProblem: () => hear() });
    const late = assert.rejects(attempt, (error: { readonly code: string; readonly cause?: { code?: string } }) => {
      assert.equal(error.code, "ERR_SOURCE_TIMEOUT");
      assert.equal(error.cause?.code, "ERR_WORKLOAD_API_NO_IDENTITY");
      return true;
    });
    await heard;
    await clock.advance(2000);
    await late;
  });

  test("an agent without the JWT profile ends the wait", async () => {
    const api = kept(await startFakeWorkloadApi({ state: first }));
    api.failNext("FetchJWTBundles", { kind: "status", code: 12, text: "" });
    await assert.rejects(createJwtSource({ socket: api.socket }), { code: "ERR_WORKLOAD_API_UNIMPLEMENTED" });
  });

  test("once closed it verifies nothing, gives no token, also none that it kept, and leaves its owner's client open", async () => {
    const api = kept(await startFakeWorkloadApi({ state: first }));
    const client = kept(createWorkloadApiClient({ socket: api.socket }));
    const source = await createJwtSource({ client });
    await source.fetch({ audience: "db" });
    const heard: unknown[] = [];
    source.subscribe((bundles) => heard.push(bundles));
    await source.close();
    await source[Symbol.asyncDispose]();
    const closed = { code: "ERR_SOURCE_CLOSED" };
    assert.deepEqual(heard, [undefined]);
    assert.throws(() => source.verify(first.token("db"), { audience: "db" }), closed);
    assert.throws(() => source.bundles, closed);
    await assert.rejects(source.ready(), closed);
    await assert.rejects(source.fetch({ audience: "db" }), closed);
    await assert.rejects(source.validate(first.token("db"), "db"), closed);
    assert.equal((await client.fetchJwtBundles()).bundles.length, 1);
  });
});
