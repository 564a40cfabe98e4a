import { describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { silentLog } from "@symbolon/spiffe/core";
import { jwkFromPublicKey } from "@symbolon/spiffe/jwt";
import { createFakeClock, createFakeRandom } from "@symbolon/spiffe/testing";
import { createKeySets, KEY_SET_TIMES, type StoredKeySet } from "./key-sets.ts";
import type { KeySetRequest, StateRecord } from "./ports.ts";

const SOURCE = "https://issuer.example/keys";
const keySet = (kid: string): string =>
  JSON.stringify({ keys: [jwkFromPublicKey(generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey, { kid })] });
const [ONE, TWO] = [keySet("one"), keySet("two")];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

type Answer = string | Error | Promise<string>;

function start(answer: (request: KeySetRequest) => Answer, persisted?: ReadonlyMap<string, StoredKeySet>) {
  const clock = createFakeClock();
  const requests: KeySetRequest[] = [];
  const stored = new Map<string, StateRecord>();
  let changes = 0;
  const keySets = createKeySets({
    persisted: persisted ?? new Map(),
    store: {
      load: async () => [],
      async write({ put, remove }) {
        for (const record of put) stored.set(record.key, record);
        for (const { key } of remove) stored.delete(key);
      },
    },
    fetcher: {
      async fetch(request) {
        requests.push(request);
        const found = await answer(request);
        if (found instanceof Error) throw found;
        return found;
      },
    },
    onChange: () => changes++,
    clock,
    random: createFakeRandom(),
    log: silentLog,
  });
  const want = (...sources: readonly string[]) => keySets.want(sources.map((source) => ({ source, timeoutMs: 5000 })));
  return { keySets, clock, requests, stored, want, changes: () => changes };
}

describe("the keys of an issuer", () => {
  test("are fetched at once, told, stored, and fetched again every 20 minutes or so", async () => {
    const { keySets, clock, requests, stored, want, changes } = start(() => ONE);
    want(SOURCE);
    expect(keySets.current(SOURCE)).toBeUndefined();
    await clock.advance(0);
    expect(keySets.current(SOURCE)).toBe(ONE);
    expect(requests).toEqual([{ url: SOURCE, timeoutMs: 5000 }]);
    expect(JSON.parse(stored.get(SOURCE)?.value ?? "")).toEqual({ jwks: ONE, fetchedMs: clock.now().getTime() });
    await clock.advance(17 * MINUTE);
    expect(requests.length).toBe(1);
    await clock.advance(6 * MINUTE);
    expect(requests.length).toBe(2);
    expect(changes()).toBe(1);
  });

  test("are told again when they have changed", async () => {
    let jwks = ONE;
    const { keySets, clock, want, changes } = start(() => jwks);
    want(SOURCE);
    await clock.advance(0);
    jwks = TWO;
    await clock.advance(23 * MINUTE);
    expect([keySets.current(SOURCE), changes()]).toEqual([TWO, 2]);
  });

  test("stay when a fetch fails, with the reason in the status, and go after a day", async () => {
    let answer: Answer = ONE;
    const { keySets, clock, want, changes } = start(() => answer);
    want(SOURCE);
    await clock.advance(0);
    answer = new Error("connection refused");
    await clock.advance(HOUR);
    expect(keySets.current(SOURCE)).toBe(ONE);
    expect(keySets.status(SOURCE)).toMatchObject({ ageSeconds: 3600, problem: "connection refused" });
    await clock.advance(KEY_SET_TIMES.maxAge - HOUR - 1);
    expect(keySets.current(SOURCE)).toBe(ONE);
    await clock.advance(1);
    expect(keySets.current(SOURCE)).toBeUndefined();
    expect(changes()).toBe(2);
    answer = TWO;
    await clock.advance(HOUR);
    expect(keySets.current(SOURCE)).toBe(TWO);
  });

  for (const [what, text] of [
    ["no JSON", "<html>"],
    ["without keys", "{}"],
    ["keys that are no list", '{"keys":1}'],
  ] as const)
    test(`stay when the answer is ${what}`, async () => {
      let answer = ONE;
      const { keySets, clock, want } = start(() => answer);
      want(SOURCE);
      await clock.advance(0);
      answer = text;
      await clock.advance(HOUR);
      expect(keySets.current(SOURCE)).toBe(ONE);
      expect(keySets.status(SOURCE)?.problem).toContain("is no JWK set");
    });

  test("are none when the issuer says that it has none: whoever was revoked is not kept", async () => {
    let answer: Answer = ONE;
    const { keySets, clock, want } = start(() => answer);
    want(SOURCE);
    await clock.advance(0);
    answer = '{"keys":[]}';
    await clock.advance(23 * MINUTE);
    expect(keySets.current(SOURCE)).toBe('{"keys":[]}');
    const noKey = `the set that ${SOURCE} answers has no key`;
    expect(keySets.status(SOURCE)).toMatchObject({ problem: noKey, isRefused: true });
    answer = new Error("connection refused");
    await clock.advance(23 * MINUTE);
    expect(keySets.status(SOURCE)).toMatchObject({ problem: `${noKey}; and now connection refused`, isRefused: true });
  });

  test("that an earlier run has found empty are still said to be none", () => {
    const at = createFakeClock().now().getTime();
    const stored = (jwks: string) => new Map([[SOURCE, { jwks, fetchedMs: at - HOUR }]]);
    const statusOf = (jwks: string) => {
      const { keySets, want } = start(() => new Error("no ready pod"), stored(jwks));
      want(SOURCE);
      return keySets.status(SOURCE);
    };
    expect(statusOf('{"keys":[]}')).toMatchObject({ problem: expect.stringContaining("has no key"), isRefused: true });
    expect(statusOf(ONE)).not.toHaveProperty("problem");
  });

  test("are none, with the reason in the status, when a private key is among them: the last good ones are not kept (SR-47)", async () => {
    let answer = ONE;
    const { keySets, clock, want } = start(() => answer);
    want(SOURCE);
    await clock.advance(0);
    expect(keySets.status(SOURCE)).not.toHaveProperty("problem");
    answer = JSON.stringify({ keys: [{ kty: "OKP", crv: "Ed25519", x: "A".repeat(43), d: "A".repeat(43) }] });
    await clock.advance(23 * MINUTE);
    expect(keySets.current(SOURCE)).toBe(answer);
    expect(keySets.status(SOURCE)).toMatchObject({
      problem: `no key that ${SOURCE} answers can be used: key 0 is a private or symmetric key: all are refused`,
      isRefused: true,
    });
    answer = ONE;
    await clock.advance(23 * MINUTE);
    expect(keySets.status(SOURCE)).not.toHaveProperty("problem");
    expect(keySets.status(SOURCE)).not.toHaveProperty("isRefused");
  });

  test("that were never there are tried again after 1, 2, 4 and 8 seconds, then every 15", async () => {
    const { clock, requests, want } = start(() => new Error("refused"));
    want(SOURCE);
    await clock.advance(0);
    await clock.advance(15_000);
    expect(requests.length).toBe(5);
    await clock.advance(30_000);
    expect(requests.length).toBe(7);
  });

  test("survive a restart for a day, and no longer", async () => {
    const at = createFakeClock().now().getTime();
    const persisted = (ageMs: number) => new Map([[SOURCE, { jwks: ONE, fetchedMs: at - ageMs }]]);
    const kept = start(() => new Error("refused"), persisted(23 * HOUR));
    kept.want(SOURCE);
    expect(kept.keySets.current(SOURCE)).toBe(ONE);
    await kept.clock.advance(HOUR);
    expect(kept.keySets.current(SOURCE)).toBeUndefined();
    const old = start(() => new Error("refused"), persisted(24 * HOUR));
    old.want(SOURCE);
    expect(old.keySets.current(SOURCE)).toBeUndefined();
  });

  test("of an earlier run are confirmed within seconds, because an issuer in the mesh starts with it; then rarely", async () => {
    let answer: Answer = new Error("no ready pod");
    const at = createFakeClock().now().getTime();
    const { keySets, clock, requests, want } = start(
      () => answer,
      new Map([[SOURCE, { jwks: ONE, fetchedMs: at - HOUR }]]),
    );
    want(SOURCE);
    await clock.advance(3000);
    expect(requests.length).toBe(3);
    answer = ONE;
    await clock.advance(4000);
    expect([requests.length, keySets.status(SOURCE)?.problem]).toEqual([4, undefined]);
    answer = new Error("down");
    await clock.advance(23 * MINUTE);
    const failed = requests.length;
    await clock.advance(59_000);
    expect(requests.length - failed).toBeLessThanOrEqual(1);
  });

  test("that nobody names any more are forgotten, on the disk too", async () => {
    const { keySets, clock, requests, stored, want } = start(() => ONE);
    want(SOURCE);
    await clock.advance(0);
    want();
    expect(keySets.current(SOURCE)).toBeUndefined();
    await clock.advance(HOUR);
    expect([requests.length, stored.size]).toEqual([1, 0]);
  });
});

describe("a key that nobody knows", () => {
  test("is fetched at once, and then at most once a minute, however many tokens have it", async () => {
    const { keySets, clock, requests, want } = start(() => ONE);
    want(SOURCE);
    await clock.advance(0);
    for (let token = 0; token < 1000; token++) keySets.keyUnknown(SOURCE);
    await clock.advance(0);
    expect(requests.length).toBe(2);
    for (let token = 0; token < 1000; token++) keySets.keyUnknown(SOURCE);
    await clock.advance(MINUTE - 1);
    expect(requests.length).toBe(2);
    await clock.advance(1);
    expect(requests.length).toBe(3);
    await clock.advance(2 * MINUTE);
    expect(requests.length).toBe(3);
  });

  test("of a source that nobody names is fetched from nowhere", async () => {
    const { keySets, clock, requests } = start(() => ONE);
    keySets.keyUnknown("http://elsewhere.example/");
    await clock.advance(MINUTE);
    expect(requests).toEqual([]);
  });

  test("while a fetch hangs starts no second one, however many ask (CV-50)", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const { keySets, clock, requests, want } = start(() => promise);
    want(SOURCE);
    await clock.advance(0);
    for (let each = 0; each < 100; each++) keySets.keyUnknown(SOURCE);
    await clock.advance(0);
    expect(requests.length).toBe(1);
    resolve(ONE);
    await clock.advance(0);
    expect(keySets.current(SOURCE)).toBe(ONE);
  });
});

describe("an issuer whose keys have to be found", () => {
  const discovery = "discovery:https://issuer.example/";
  const document = (fields: object) => JSON.stringify({ issuer: "https://issuer.example/", ...fields });
  const answering = (text: string) => (request: KeySetRequest) => (request.url.includes(".well-known") ? text : ONE);

  test("is asked for its configuration document, and then where that says", async () => {
    const { keySets, clock, requests, want } = start(answering(document({ jwks_uri: "https://issuer.example/k" })));
    want(discovery);
    await clock.advance(0);
    expect(keySets.current(discovery)).toBe(ONE);
    expect(requests.map(({ url }) => url)).toEqual([
      "https://issuer.example/.well-known/openid-configuration",
      "https://issuer.example/k",
    ]);
  });

  for (const [what, text, problem] of [
    ["no JSON", "<html>", "is no JSON"],
    ["null", "null", "is no JSON object"],
    [
      "another issuer's",
      document({ issuer: "https://other.example", jwks_uri: "https://a/k" }),
      'names "https://other.example" as issuer: a rule\'s issuer has to be that, to the letter',
    ],
    ["without an issuer", JSON.stringify({ jwks_uri: "https://a/k" }), "names nobody as issuer"],
    ["silent about keys", document({}), 'has no "jwks_uri"'],
  ] as const)
    test(`is refused when its document is ${what}`, async () => {
      const { keySets, clock, want } = start(answering(text));
      want(discovery);
      await clock.advance(0);
      expect(keySets.current(discovery)).toBeUndefined();
      expect(keySets.status(discovery)?.problem).toContain(problem);
    });
});
