/** A real database that may not grow: SQLite answers as it does on a full disk (SQLITE_FULL). */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import { openDatabase } from "../adapters/sqlite/index.ts";
import type { IssuanceRecord } from "../ca/index.ts";
import type { StateRecord } from "../control-plane/index.ts";
import type { PlaintextCaller, StoredDenial } from "../telemetry/index.ts";
import { createStateDatabase, type StateDatabase } from "./state-database.ts";

let directory: string;
let clock: FakeClock;
let database: ReturnType<typeof openDatabase>;
let state: StateDatabase;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-state-"));
  clock = createFakeClock();
  database = openDatabase(join(directory, "state.db"));
  state = createStateDatabase({ database, clock, log: silentLog });
});
afterEach(() => {
  state.close();
  rmSync(directory, { recursive: true });
});

const LONG = "x".repeat(200_000);
const NOT_BEFORE = new Date(0);

/** Each of a size that needs new pages. */
const WRITES: readonly (readonly [what: string, write: () => Promise<void>])[] = [
  ["a change", () => state.meshState.write({ put: [recordOf(LONG)], remove: [] })],
  ["an issuance", () => record(issuance(1, LONG))],
  [
    "a denial",
    async () => {
      const workload = { namespace: "foo", podName: "web", podUid: "u" };
      const denial = { id: "d", workload, text: LONG } as unknown as StoredDenial;
      state.denials.write([denial], { now: clock.now(), notBefore: NOT_BEFORE, atMost: 100 });
    },
  ],
  [
    "a caller without mutual TLS",
    async () => {
      const seen = clock.now().toISOString();
      const facts = { namespace: "foo", port: 80, refused: false, count: 1, firstSeen: seen, lastSeen: seen };
      const caller: PlaintextCaller = { ...facts, workload: "Deployment web", caller: LONG };
      state.plaintextCallers.add([caller], { notBefore: NOT_BEFORE });
    },
  ],
];

function recordOf(value: string): StateRecord {
  return { kind: "object", key: "k", value };
}

function issuance(n: number, spiffeId = "spiffe://cluster.local/ns/foo/sa/web"): IssuanceRecord {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return {
    serialNumber: `01${n.toString(16).padStart(32, "0")}`,
    kind: "workload",
    spiffeId,
    caller: "system:serviceaccount:foo:web",
    authenticator: "service account token",
    notBefore: NOT_BEFORE,
    notAfter: new Date(1),
    recordedAt: clock.now(),
    publicKey: bytes("the same key each time"),
    tbs: bytes(`certificate ${n}`),
    issuerPublicKey: bytes("issuer"),
  };
}

async function record(...batch: readonly IssuanceRecord[]): Promise<void> {
  const recording = state.issuances.record(batch);
  recording.catch(() => undefined);
  await clock.advance(5);
  await recording;
}

function fill(): void {
  const pages = database.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
  database.run(`PRAGMA max_page_count = ${pages}`);
}
const makeRoom = (): void => void database.run("PRAGMA max_page_count = 100000");

describe("what is known of the state database", () => {
  test.each(WRITES)(
    "is no problem when %s can be written, one when it cannot, none once it can again",
    async (...[, write]) => {
      expect(state.problem()).toBeUndefined();
      fill();
      // A group of issuances waits milliseconds before it is committed.
      const since = clock
        .now()
        .toISOString()
        .replace(/\d\dZ$/, "");
      await expect(write()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_(STATE|ISSUANCE_LOG)_/) });
      await clock.advance(60_000);
      await expect(write()).rejects.toThrow();
      expect(state.problem()).toMatch(
        /^control-plane: (state database "\/.*" cannot be written|the issuance log cannot grow): /,
      );
      const lastTry = new Date(clock.now().getTime()).toISOString().replace(/\d\dZ$/, "");
      expect(state.problem()).toMatch(
        new RegExp(`, since ${since}\\d\\dZ, last tried at ${lastTry}\\d\\dZ; certificates and changes are refused`),
      );
      makeRoom();
      // Nobody has tried yet.
      expect(state.problem()).toBeDefined();
      await write();
      expect(state.problem()).toBeUndefined();
    },
  );

  test("a success of any kind of write ends it; a write of nothing proves nothing", async () => {
    fill();
    await expect(state.meshState.write({ put: [recordOf(LONG)], remove: [] })).rejects.toThrow();
    await state.meshState.write({ put: [], remove: [] });
    state.denials.write([], { now: clock.now(), notBefore: NOT_BEFORE, atMost: 100 });
    state.plaintextCallers.add([], { notBefore: NOT_BEFORE });
    expect(state.problem()).toBeDefined();
    makeRoom();
    await record(issuance(1));
    expect(state.problem()).toBeUndefined();
  });

  test("a database that may only be read is a problem, too", async () => {
    database.run("PRAGMA query_only = ON");
    await expect(record(issuance(1))).rejects.toMatchObject({ code: "ERR_ISSUANCE_LOG_UNAVAILABLE" });
    expect(state.problem()).toContain("the issuance log cannot be written");
    database.run("PRAGMA query_only = OFF");
  });

  test("a record that is refused for what it says is none", async () => {
    await record(issuance(1));
    await expect(record(issuance(2, "spiffe://cluster.local/ns/foo/sa/db"))).rejects.toMatchObject({
      code: "ERR_CSR_KEY_REUSED",
    });
    expect(state.problem()).toBeUndefined();
  });
});
