import { Database } from "bun:sqlite";
import { beforeEach, describe, expect, test } from "bun:test";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import { createGroupCommit, type GroupCommit } from "./group-commit.ts";

let clock: FakeClock;
let database: Database;
let group: GroupCommit;

beforeEach(() => {
  clock = createFakeClock();
  database = new Database(":memory:", { strict: true });
  database.run("CREATE TABLE rows (n INTEGER PRIMARY KEY) STRICT");
  group = createGroupCommit({
    database,
    clock,
    delayMs: 2,
    maxDelayMs: 10,
    laterDelayMs: 50,
    onLaterFailed: (error) => {
      throw error;
    },
  });
});

const put = (n: number) => () => void database.run("INSERT INTO rows (n) VALUES (?)", [n]);
const stored = (): number => database.query<{ c: number }, []>("SELECT count(*) AS c FROM rows").get()?.c ?? -1;

describe("a group of writes", () => {
  test("is committed when nobody has joined for the delay", async () => {
    const first = group.commit(put(1));
    await clock.advance(1);
    const second = group.commit(put(2));
    await clock.advance(1);
    expect(stored()).toBe(0);
    await clock.advance(1);
    await Promise.all([first, second]);
    expect(stored()).toBe(2);
  });

  test("keeps its first caller waiting for the longest delay at most, however many join", async () => {
    const joined: Promise<void>[] = [];
    for (let n = 0; n < 10; n++) {
      joined.push(group.commit(put(n)));
      expect(stored()).toBe(0);
      await clock.advance(1);
    }
    await Promise.all(joined);
    expect(stored()).toBe(10);
  });

  test("takes along what nobody waits for, which alone waits its longer delay", async () => {
    group.commitLater(put(1));
    await clock.advance(49);
    expect(stored()).toBe(0);
    await clock.advance(1);
    expect(stored()).toBe(1);
    group.commitLater(put(2));
    const waited = group.commit(put(3));
    await clock.advance(2);
    await waited;
    expect(stored()).toBe(3);
  });

  test("loses the write that fails, and no other", async () => {
    const outcomes = Promise.allSettled([group.commit(put(1)), group.commit(put(1)), group.commit(put(2))]);
    await clock.advance(2);
    expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(stored()).toBe(2);
  });
});
