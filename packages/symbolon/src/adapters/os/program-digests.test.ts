import { expect, test } from "bun:test";
import type { BigIntStats } from "node:fs";
import { createProgramDigests } from "./program-digests.ts";

const NOW_MS = 1_000_000;
const settleTurns = (): Promise<void> => new Promise(setImmediate);

/** A file that was changed just long enough ago, as `stat` tells of it. */
function program(ino: number, changes: Partial<BigIntStats> = {}): BigIntStats {
  const times = { ctimeMs: BigInt(NOW_MS - 2000), ctimeNs: 7n, mtimeNs: 7n };
  return { dev: 1n, ino: BigInt(ino), size: 100n, ...times, ...changes } as BigIntStats;
}

/** Programs whose reading ends when the test says so. */
function createReading() {
  const begun: number[] = [];
  const open = new Map<number, PromiseWithResolvers<string>>();
  const digests = createProgramDigests({
    now: () => NOW_MS,
    compute(pid) {
      begun.push(pid);
      const reading = Promise.withResolvers<string>();
      open.set(pid, reading);
      return reading.promise;
    },
  });
  return {
    begun,
    of: digests.of,
    end: (pid: number) => open.get(pid)?.resolve(`digest ${pid}`),
    fail: (pid: number) => open.get(pid)?.reject(new Error(`process ${pid} has ended`)),
  };
}

test("four programs are read at the same time, the fifth when one is done, the sixth after it", async () => {
  const { begun, of, end } = createReading();
  const all = [1, 2, 3, 4, 5, 6].map((pid) => of(pid, program(pid)));
  expect(begun).toEqual([1, 2, 3, 4]);
  end(3);
  await settleTurns();
  expect(begun).toEqual([1, 2, 3, 4, 5]);
  end(1);
  await settleTurns();
  expect(begun).toEqual([1, 2, 3, 4, 5, 6]);
  for (const pid of [2, 4, 5, 6]) end(pid);
  expect(await Promise.all(all)).toEqual([1, 2, 3, 4, 5, 6].map((pid) => `digest ${pid}`));
});

test("processes of one program take one turn, also while it waits for it, and none later", async () => {
  const { begun, of, end } = createReading();
  const others = [1, 2, 3, 4].map((pid) => of(pid, program(pid)));
  const same = [11, 12, 13].map((pid) => of(pid, program(10)));
  for (const pid of [1, 2, 3, 4]) end(pid);
  await Promise.all(others);
  await settleTurns();
  end(11);
  expect(await Promise.all(same)).toEqual(["digest 11", "digest 11", "digest 11"]);
  expect(await of(14, program(10))).toBe("digest 11");
  expect(begun).toEqual([1, 2, 3, 4, 11]);
});

test("another device, size or time of a change is another program", () => {
  const { begun, of } = createReading();
  const changes = [{}, { dev: 2n }, { size: 101n }, { mtimeNs: 8n }].map((change) => program(1, change));
  changes.forEach((file, pid) => {
    void of(pid, file);
  });
  expect(begun).toEqual([0, 1, 2, 3]);
});

test("what was changed less than two seconds ago is read for each process, and again later", async () => {
  const { begun, of, end } = createReading();
  const fresh = program(1, { ctimeMs: BigInt(NOW_MS - 1999) });
  const both = [of(1, fresh), of(2, fresh)];
  end(1);
  end(2);
  expect(await Promise.all(both)).toEqual(["digest 1", "digest 2"]);
  const again = of(1, fresh);
  end(1);
  expect(await again).toBe("digest 1");
  expect(begun).toEqual([1, 2, 1]);
});

test("when the process that is read ends, one of those who share its program is read, not all", async () => {
  const { begun, of, end, fail } = createReading();
  const [first, ...rest] = [1, 2, 3].map((pid) => of(pid, program(1)));
  fail(1);
  await expect(first).rejects.toThrow("process 1 has ended");
  await settleTurns();
  expect(begun).toEqual([1, 2]);
  end(2);
  expect(await Promise.all(rest)).toEqual(["digest 2", "digest 2"]);
});

test("when all of them end, each is told of its own end", async () => {
  const { of, fail } = createReading();
  const both = Promise.allSettled([1, 2].map((pid) => of(pid, program(1))));
  fail(1);
  await settleTurns();
  fail(2);
  expect(await both).toMatchObject([1, 2].map((pid) => ({ reason: { message: `process ${pid} has ended` } })));
});
