import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StateRecord } from "../../control-plane/index.ts";
import { createSqliteMeshStateStore } from "./object-store.ts";
import { migrate, openDatabase } from "./open-database.ts";

let directory = "";
let path = "";
const databases: Database[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "symbolon-state-"));
  path = join(directory, "state.db");
});
afterEach(() => {
  for (const database of databases.splice(0)) database.close();
  rmSync(directory, { recursive: true, force: true });
});

function open(): Database {
  const database = openDatabase(path);
  databases.push(database);
  return database;
}

const record = (kind: string, key: string, value: string) => ({ kind, key, value }) as StateRecord;
const put = (...records: readonly StateRecord[]) => ({ put: records, remove: [] });

describe("the control plane's records", () => {
  test("survive the process, in the order of kind and key", async () => {
    const store = createSqliteMeshStateStore(open());
    expect(await store.load()).toEqual([]);
    await store.write(put(record("pod", "b", "1"), record("object", "z", "2"), record("pod", "a", "3")));
    for (const database of databases.splice(0)) database.close();
    expect(await createSqliteMeshStateStore(open()).load()).toEqual([
      record("object", "z", "2"),
      record("pod", "a", "3"),
      record("pod", "b", "1"),
    ]);
  });

  test("are replaced by a later value, and removed; what is not there may be removed", async () => {
    const store = createSqliteMeshStateStore(open());
    await store.write(put(record("pod", "a", "1"), record("pod", "b", "1")));
    await store.write({
      put: [record("pod", "a", "2")],
      remove: [record("pod", "b", ""), record("object", "a", ""), record("pod", "nothing", "")],
    });
    expect(await store.load()).toEqual([record("pod", "a", "2")]);
  });

  test("of one key that is removed and put in one change stay: it was replaced", async () => {
    const store = createSqliteMeshStateStore(open());
    await store.write(put(record("pod", "a", "old")));
    await store.write({ put: [record("pod", "a", "new")], remove: [record("pod", "a", "")] });
    expect(await store.load()).toEqual([record("pod", "a", "new")]);
  });

  test("hold any text", async () => {
    const store = createSqliteMeshStateStore(open());
    const texts = ["", "'; DROP TABLE mesh_state; --", "é 𝕏", "a\nb", JSON.stringify({ a: '"' })];
    await store.write(put(...texts.map((text, index) => record("object", `${index}${text}`, text))));
    expect((await store.load()).map(({ value }) => value)).toEqual(texts);
  });

  test("of one change are written all or none, and the failure has a code", async () => {
    const database = open();
    const store = createSqliteMeshStateStore(database);
    await store.write(put(record("pod", "a", "1")));
    await expect(
      store.write(put(record("pod", "b", "1"), record("pod", "c", null as unknown as string))),
    ).rejects.toMatchObject({ code: "ERR_STATE_UNWRITABLE" });
    expect(await store.load()).toEqual([record("pod", "a", "1")]);
    database.run("PRAGMA query_only = ON");
    await expect(store.write(put(record("pod", "d", "1")))).rejects.toMatchObject({
      code: "ERR_STATE_UNWRITABLE",
      message: expect.stringContaining(path),
    });
    // Nothing to write is no failure.
    await store.write({ put: [], remove: [] });
  });
});

describe("the state database", () => {
  test("and its side files are for their owner alone", async () => {
    await createSqliteMeshStateStore(open()).write(put(record("pod", "a", "1")));
    for (const suffix of ["", "-wal", "-shm"]) expect(statSync(`${path}${suffix}`).mode & 0o777).toBe(0o600);
  });

  test("keeps what it has acknowledged on the disk", () => {
    const database = open();
    expect(database.query("PRAGMA synchronous").get()).toEqual({ synchronous: 2 });
    expect(database.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  });

  test("runs each step of a schema once, later ones when they come, and each area's on its own", () => {
    const database = open();
    const steps = ["CREATE TABLE one (x)", "CREATE TABLE two (x)"];
    migrate(database, "area", steps.slice(0, 1));
    migrate(database, "area", steps);
    migrate(database, "area", steps);
    migrate(database, "other", ["CREATE TABLE three (x)"]);
    const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    expect(tables.map(({ name }) => name).sort()).toEqual(["one", "schema_steps", "three", "two"]);
  });

  test("of a newer version is refused, with what to do", () => {
    const database = open();
    migrate(database, "area", ["CREATE TABLE one (x)", "CREATE TABLE two (x)"]);
    expect(() => migrate(database, "area", ["CREATE TABLE one (x)"])).toThrow(
      /was written by a newer version \(area: step 2, this version knows 1\); install that version again$/,
    );
  });

  test("a step that fails leaves nothing of itself", () => {
    const database = open();
    expect(() => migrate(database, "area", ["CREATE TABLE one (x)", "CREATE NONSENSE"])).toThrow();
    expect(database.query("SELECT area, step FROM schema_steps").all()).toEqual([{ area: "area", step: 1 }]);
  });

  test("that is no database, or is in no directory, is an error with its path", () => {
    expect(() => openDatabase(join(directory, "nothing", "state.db"))).toThrow(/^cannot open database ".*state\.db": /);
    new Database(path).close();
    writeFileSync(path, "this is a text, and long enough to be looked at as a header of a file");
    expect(() => openDatabase(path)).toThrow(/^cannot open database /);
  });
});
