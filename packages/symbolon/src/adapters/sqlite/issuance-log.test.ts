import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import type { IssuanceRecord } from "../../ca/index.ts";
import { createSqliteIssuanceLog, migrate, openDatabase, type SqliteIssuanceLog } from "./index.ts";

let directory: string;
let path: string;
let clock: FakeClock;
let database: ReturnType<typeof openDatabase>;
let issuances: SqliteIssuanceLog;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-sqlite-"));
  path = join(directory, "symbolon.db");
  clock = createFakeClock();
  database = openDatabase(path);
  issuances = createSqliteIssuanceLog({ database, clock, log: silentLog });
});

afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

function recordOf(n: number, changes: Partial<IssuanceRecord> = {}): IssuanceRecord {
  return {
    serialNumber: `01${n.toString(16).padStart(32, "0")}`,
    kind: "workload",
    spiffeId: "spiffe://cluster.local/ns/foo/sa/web",
    caller: "system:serviceaccount:foo:web",
    authenticator: "service account token",
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2026-01-02T00:00:00Z"),
    recordedAt: clock.now(),
    publicKey: bytesOf(`key ${n}`),
    tbs: bytesOf(`certificate ${n}`),
    issuerPublicKey: bytesOf("issuer"),
    ...changes,
  };
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const sha256Hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

async function commit<T>(work: Promise<T>): Promise<T> {
  const settled = work.catch(() => {});
  await clock.advance(5);
  await settled;
  return work;
}

const failureOf = (work: Promise<unknown>): Promise<{ code: string; message: string }> =>
  work.then(
    () => Promise.reject(new Error("expected a rejection")),
    (error) => error,
  );

describe("the issuance log", () => {
  test("finds what was recorded, with every field, as not known to be signed", async () => {
    await commit(issuances.record([recordOf(1)]));
    const { publicKey, tbs, issuerPublicKey, ...facts } = recordOf(1);
    expect(await issuances.findBySerial(facts.serialNumber)).toEqual({
      ...facts,
      recordedAt: new Date("2026-01-01T00:00:00Z"),
      publicKeySha256: sha256Hex(publicKey),
      tbsSha256: sha256Hex(tbs),
      issuerPublicKeySha256: sha256Hex(issuerPublicKey),
      sequence: 1,
      status: "recorded",
    });
    expect(await issuances.findBySerial(recordOf(2).serialNumber)).toBeUndefined();
  });

  test("tells issuers apart, also when their records take turns", async () => {
    const [one, other] = [bytesOf("issuer"), bytesOf("another")];
    const issuers = [one, other, one, bytesOf("issuer")];
    await commit(issuances.record(issuers.map((issuerPublicKey, n) => recordOf(n, { issuerPublicKey }))));
    const rows = await issuances.list({ limit: 10 });
    expect(rows.map((row) => row.issuerPublicKeySha256).toReversed()).toEqual(issuers.map(sha256Hex));
  });

  test("writes all that wait in one transaction, and answers nobody before it is durable", async () => {
    const reader = openDatabase(path);
    const version = reader.query<{ data_version: number }, []>("PRAGMA data_version");
    const first = version.get()?.data_version ?? 0;
    const answered: number[] = [];
    const all = Array.from({ length: 50 }, (_, n) => issuances.record([recordOf(n)]).then(() => answered.push(n)));
    await clock.advance(1);
    expect(answered).toEqual([]);
    expect(reader.query("SELECT * FROM issuances").all()).toHaveLength(0);
    await clock.advance(1);
    await Promise.all(all);
    expect(answered).toHaveLength(50);
    expect(version.get()?.data_version).toBe(first + 1);
    expect(reader.query("SELECT * FROM issuances").all()).toHaveLength(50);
    reader.close();
  });

  test("refuses a serial number that was recorded before, and stores the others of the same moment", async () => {
    await commit(issuances.record([recordOf(1)]));
    const good = issuances.record([recordOf(2)]);
    const bad = failureOf(issuances.record([recordOf(1, { publicKey: bytesOf("other key") })]));
    await clock.advance(5);
    await good;
    expect(await bad).toMatchObject({
      code: "ERR_ISSUANCE_LOG_UNAVAILABLE",
      message: "the issuance log cannot be written",
    });
    expect(await issuances.count()).toBe(2);
  });

  test("stores nothing of a batch of which one record is refused", async () => {
    const error = await failureOf(commit(issuances.record([recordOf(1), recordOf(2), recordOf(1)])));
    expect(error.code).toBe("ERR_ISSUANCE_LOG_UNAVAILABLE");
    expect(await issuances.count()).toBe(0);
  });

  test("takes one key again for the same identity, never for another one", async () => {
    const key = { publicKey: bytesOf("one key") };
    await commit(issuances.record([recordOf(1, key)]));
    await commit(issuances.record([recordOf(2, key)]));
    const other = { ...key, spiffeId: "spiffe://cluster.local/ns/foo/sa/admin" };
    expect(await failureOf(commit(issuances.record([recordOf(3, other)])))).toMatchObject({
      code: "ERR_CSR_KEY_REUSED",
      message: "the public key of the request was certified for another identity",
    });
    expect(await issuances.count()).toBe(2);
  });

  test("sees one key for two identities also within one transaction", async () => {
    const key = { publicKey: bytesOf("one key") };
    const first = issuances.record([recordOf(1, key)]);
    const second = failureOf(issuances.record([recordOf(2, { ...key, spiffeId: "spiffe://cluster.local/ns/a/sa/b" })]));
    await clock.advance(5);
    await first;
    expect((await second).code).toBe("ERR_CSR_KEY_REUSED");
  });

  test("marks as signed later, and nobody waits for it", async () => {
    await commit(issuances.record([recordOf(1)]));
    issuances.markSigned([recordOf(1).serialNumber]);
    expect((await issuances.findBySerial(recordOf(1).serialNumber))?.status).toBe("recorded");
    await clock.advance(50);
    expect((await issuances.findBySerial(recordOf(1).serialNumber))?.status).toBe("signed");
  });

  test("writes what waits when it is closed", async () => {
    await commit(issuances.record([recordOf(1)]));
    issuances.markSigned([recordOf(1).serialNumber]);
    issuances.close();
    expect((await issuances.findBySerial(recordOf(1).serialNumber))?.status).toBe("signed");
  });

  test("lists the newest first, page by page", async () => {
    await commit(issuances.record([recordOf(1), recordOf(2), recordOf(3)]));
    const first = await issuances.list({ limit: 2 });
    expect(first.map(({ sequence }) => sequence)).toEqual([3, 2]);
    const next = await issuances.list({ limit: 2, beforeSequence: 2 });
    expect(next.map(({ sequence }) => sequence)).toEqual([1]);
  });

  test("knows the newest record's time after it is opened again", async () => {
    expect(await issuances.newestRecordTime()).toBeUndefined();
    await commit(issuances.record([recordOf(1)]));
    database.close();
    database = openDatabase(path);
    const again = createSqliteIssuanceLog({ database, clock, log: silentLog });
    expect(await again.newestRecordTime()).toEqual(new Date("2026-01-01T00:00:00Z"));
    expect(await again.count()).toBe(1);
  });

  test("cannot be made to forget or change a record", async () => {
    await commit(issuances.record([recordOf(1)]));
    expect(() => database.run("DELETE FROM issuances")).toThrow("issuances are never deleted");
    expect(() => database.run("UPDATE issuances SET spiffe_id = 'x'")).toThrow("issuances are never changed");
    expect(() => database.run("UPDATE issuances SET status = 'void'")).toThrow("CHECK constraint failed");
  });

  test("says that the disk is full, keeps what it has, and goes on when space returns", async () => {
    await commit(issuances.record([recordOf(1)]));
    const pages = database.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
    database.run(`PRAGMA max_page_count = ${pages}`);
    const many = Array.from({ length: 300 }, (_, n) => recordOf(n + 10));
    expect(await failureOf(commit(issuances.record(many)))).toMatchObject({
      code: "ERR_ISSUANCE_LOG_FULL",
      message: "the issuance log cannot grow: no space left",
    });
    expect(await issuances.count()).toBe(1);
    database.run("PRAGMA max_page_count = 100000");
    await commit(issuances.record(many));
    expect((await issuances.list({ limit: 1000 })).length).toBe(301);
  });

  test("one row that the store refuses does not touch its neighbours (FI-21)", async () => {
    database.run(
      `CREATE TRIGGER refuse BEFORE INSERT ON issuances WHEN NEW.spiffe_id LIKE '%/sa/cursed'
         BEGIN SELECT RAISE(ABORT, 'injected'); END`,
    );
    const others = [1, 2, 3].map((n) => issuances.record([recordOf(n)]));
    const cursed = failureOf(issuances.record([recordOf(9, { spiffeId: "spiffe://cluster.local/ns/foo/sa/cursed" })]));
    await clock.advance(5);
    await Promise.all(others);
    expect((await cursed).code).toBe("ERR_ISSUANCE_LOG_UNAVAILABLE");
    expect(await issuances.count()).toBe(3);
  });
});

describe("the database", () => {
  test("is readable by its owner alone, with its side files", async () => {
    await commit(issuances.record([recordOf(1)]));
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  test("waits for the disk at each commit", () => {
    expect(database.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  });

  test("runs each migration step once", () => {
    migrate(database, "test", ["CREATE TABLE one (n INTEGER) STRICT"]);
    migrate(database, "test", ["CREATE TABLE one (n INTEGER) STRICT", "CREATE TABLE two (n INTEGER) STRICT"]);
    expect(database.query("SELECT * FROM two").all()).toEqual([]);
  });

  test("of a newer version is refused", () => {
    migrate(database, "test", ["CREATE TABLE one (n INTEGER) STRICT", "CREATE TABLE two (n INTEGER) STRICT"]);
    expect(() => migrate(database, "test", ["CREATE TABLE one (n INTEGER) STRICT"])).toThrow(
      `database "${path}" was written by a newer version (test: step 2, this version knows 1); install that version again`,
    );
  });

  test("that is not a database is one message with its path", () => {
    const bad = join(directory, "bad.db");
    writeFileSync(bad, "not a database, and long enough to look at".repeat(40));
    expect(() => openDatabase(bad)).toThrow(`cannot open database "${bad}": file is not a database`);
  });
});
