import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { spiffeError } from "../core/index.ts";
import { SpiffeId } from "../id/index.ts";
import type { JwtSvid } from "../svid/index.ts";
import { createFakeClock } from "../testing/index.ts";
import { createJwtCache } from "./jwt-cache.ts";

const LIFE_MS = 60_000;

/** A cache over an agent that counts what it is asked. */
function cacheOf() {
  const clock = createFakeClock();
  const agent = { asked: 0, failure: undefined as Error | undefined };
  const cache = createJwtCache(clock, async () => {
    agent.asked++;
    if (agent.failure) throw agent.failure;
    return { expiresAt: new Date(clock.now().getTime() + LIFE_MS) } as JwtSvid;
  });
  return { clock, agent, cache };
}

describe("tokens that are kept", () => {
  test("are fetched again from half of their life on, not before", async () => {
    const { clock, agent, cache } = cacheOf();
    const first = await cache.get({ audience: "a" });
    await clock.advance(LIFE_MS / 2 - 1);
    assert.equal(await cache.get({ audience: "a" }), first);
    await clock.advance(1);
    assert.notEqual(await cache.get({ audience: "a" }), first);
    assert.equal(agent.asked, 2);
  });

  test("are one for each audience, and one fetch for all who ask at once", async () => {
    const { agent, cache } = cacheOf();
    await Promise.all([cache.get({ audience: "a" }), cache.get({ audience: ["a"] }), cache.get({ audience: "b" })]);
    assert.equal(agent.asked, 2);
  });

  test("are one for each identity", async () => {
    const { agent, cache } = cacheOf();
    const [a, b] = ["spiffe://example.org/a", "spiffe://example.org/b"].map((id) => SpiffeId.parse(id));
    const own = await cache.get({ audience: "a" });
    const ofA = await cache.get({ audience: "a", ...(a ? { spiffeId: a } : {}) });
    const ofB = await cache.get({ audience: "a", ...(b ? { spiffeId: b } : {}) });
    assert.equal(new Set([own, ofA, ofB]).size, 3);
    assert.equal(agent.asked, 3);
  });

  test("serve while the agent is away, until they expire", async () => {
    const { clock, agent, cache } = cacheOf();
    const first = await cache.get({ audience: "a" });
    agent.failure = spiffeError("ERR_WORKLOAD_API_UNAVAILABLE", "away");
    await clock.advance(LIFE_MS - 1);
    assert.equal(await cache.get({ audience: "a" }), first);
    await clock.advance(1);
    await assert.rejects(cache.get({ audience: "a" }), { code: "ERR_WORKLOAD_API_UNAVAILABLE" });
  });

  test("are dropped when the agent says that there is no identity (C5)", async () => {
    const { clock, agent, cache } = cacheOf();
    await cache.get({ audience: "a" });
    await clock.advance(LIFE_MS / 2);
    agent.failure = spiffeError("ERR_WORKLOAD_API_NO_IDENTITY", "none");
    await assert.rejects(cache.get({ audience: "a" }), { code: "ERR_WORKLOAD_API_NO_IDENTITY" });
    agent.failure = undefined;
    await cache.get({ audience: "a" });
    assert.equal(agent.asked, 3);
  });
});
