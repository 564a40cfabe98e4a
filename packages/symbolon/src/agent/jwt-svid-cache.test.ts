import { describe, expect, test } from "bun:test";
import { createNodeFixture } from "../../../../test/fakes/node-fixture.ts";
import { testEntry } from "../../../../test/fakes/registration-entries.ts";

const LIFE_MS = 300_000;

function cache() {
  const node = createNodeFixture();
  node.tell(testEntry({ id: "1" }), testEntry({ id: "2" }));
  const get = (audiences: readonly string[], owner = "1") =>
    node.tokens.get(owner, { caller: { entryId: owner }, audiences }).then(({ token }) => token.expose());
  return { ...node, get };
}

describe("tokens are given out again", () => {
  test("for the same owner and the same audiences in any order, and to nobody else", async () => {
    const { get, jwtCalls } = cache();
    expect(await get(["a", "b"])).toBe("token 1");
    expect(await get(["b", "a"])).toBe("token 1");
    expect(await get(["a"])).toBe("token 2");
    expect(await get(["a", "b"], "2")).toBe("token 3");
    // A separator inside a name makes no other list equal.
    expect(await get(["a,b"])).toBe("token 4");
    expect(await get(['a","b'])).toBe("token 5");
    expect(jwtCalls).toHaveLength(5);
  });

  test("until about half of their life is over", async () => {
    const { get, clock } = cache();
    await get(["a"]);
    await clock.advance(0.44 * LIFE_MS);
    expect(await get(["a"])).toBe("token 1");
    await clock.advance(0.12 * LIFE_MS);
    expect(await get(["a"])).toBe("token 2");
  });

  test("beyond that while the CA is away, and never beyond their end", async () => {
    const { get, clock, setAway } = cache();
    await get(["a"]);
    setAway(true);
    await clock.advance(LIFE_MS - 1);
    expect(await get(["a"])).toBe("token 1");
    await clock.advance(1);
    await expect(get(["a"])).rejects.toMatchObject({ code: "ERR_CA_CALL_RETRYABLE" });
  });

  test("not when the CA refuses a new one: its caller has lost the right", async () => {
    const { get, clock, tell } = cache();
    await get(["a"]);
    tell(testEntry({ id: "2" }));
    await clock.advance(0.56 * LIFE_MS);
    await expect(get(["a"])).rejects.toMatchObject({ code: "ERR_CA_CALL_REFUSED" });
  });

  test("to all who ask in the same moment, by one order", async () => {
    const { get, jwtCalls } = cache();
    expect(await Promise.all([get(["a"]), get(["a"]), get(["a"])])).toEqual(["token 1", "token 1", "token 1"]);
    expect(jwtCalls).toHaveLength(1);
  });

  test("at most a thousand, the least recently used one goes first", async () => {
    const { get, jwtCalls } = cache();
    for (let index = 0; index < 1000; index++) await get([`a${index}`]);
    await get(["a0"]);
    await get(["one more"]);
    expect(jwtCalls).toHaveLength(1001);
    await get(["a0"]);
    expect(jwtCalls).toHaveLength(1001);
    await get(["a1"]);
    expect(jwtCalls).toHaveLength(1002);
  });
});
