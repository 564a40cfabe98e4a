import { expect, test } from "bun:test";
import { createTurns } from "./turns.ts";

/** Pieces of work by name, each of which ends when the test says so. */
function createWorks(atOnce: number) {
  const inTurn = createTurns(atOnce);
  const begun: string[] = [];
  const ends = new Map<string, PromiseWithResolvers<string>>();
  return {
    begun,
    begin(name: string): Promise<string> {
      const end = Promise.withResolvers<string>();
      ends.set(name, end);
      return inTurn(() => {
        begun.push(name);
        return end.promise;
      });
    },
    end: (name: string) => ends.get(name)?.resolve(name),
    fail: (name: string) => ends.get(name)?.reject(new Error(name)),
  };
}

test("as many as may begin at once, and each that ends lets in the one that has waited longest", async () => {
  const { begun, begin, end } = createWorks(2);
  const [a, b, c, d] = ["a", "b", "c", "d"].map(begin);
  expect(begun).toEqual(["a", "b"]);
  end("b");
  expect(await b).toBe("b");
  await Promise.resolve();
  expect(begun).toEqual(["a", "b", "c"]);
  for (const name of ["a", "c", "d"]) end(name);
  expect(await Promise.all([a, c, d])).toEqual(["a", "c", "d"]);
});

test("what fails gives its turn on as well", async () => {
  const { begun, begin, end, fail } = createWorks(1);
  const [first, second] = [begin("first"), begin("second")];
  fail("first");
  await expect(first).rejects.toThrow("first");
  end("second");
  expect(await second).toBe("second");
  expect(begun).toEqual(["first", "second"]);
});

test("whoever comes while a turn is handed on does not get it as well", async () => {
  const { begun, begin, end } = createWorks(1);
  const first = begin("first");
  const second = begin("second");
  end("first");
  await first;
  const third = begin("third");
  await Promise.resolve();
  expect(begun).toEqual(["first", "second"]);
  end("second");
  end("third");
  await Promise.all([second, third]);
  const fourth = begin("fourth");
  expect(begun).toEqual(["first", "second", "third", "fourth"]);
  end("fourth");
  await fourth;
});
