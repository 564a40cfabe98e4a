/**
 * Request authentication with the real verifier (`@symbolon/spiffe/jwt`): what Istio's samples promise, and 100,000
 * requests of random and damaged tokens, headers, cookies and query strings.
 */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  checkSignature,
  type JwkSet,
  jwkFromPublicKey,
  type ProviderKeySet,
  parseProviderKeySet,
  signJws,
} from "@symbolon/spiffe/jwt";
import { compileRequestAuthentication } from "./compile-request-authentication.ts";
import type { JwtRule, RequestAuthentication } from "./request-authentication.ts";
import type { TokenVerification } from "./request-authentication-outcome.ts";

const now = new Date("2026-01-01T00:00:00Z");
const position = { file: "f.yaml", line: 1, column: 1 };
const policyOf = (...rules: Partial<JwtRule>[]): RequestAuthentication => ({
  kind: "RequestAuthentication",
  namespace: "foo",
  name: "jwt",
  position,
  targetRefs: [],
  jwtRules: rules.map((fields) => ({
    position,
    issuer: "",
    audiences: [],
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    timeoutMs: 5000,
    spaceDelimitedClaims: [],
    ...fields,
  })),
});
const verificationBy = (keySetOf: (rule: JwtRule) => ProviderKeySet): TokenVerification<JwkSet> => ({
  keysOf: keySetOf,
  verifySignature: ({ text }, keys) => checkSignature(text, keys),
});

const SAMPLES = fileURLToPath(
  new URL("../../../../shared/vectors/istio-samples/security/tools/jwt/samples/", import.meta.url),
);
if (existsSync(SAMPLES)) {
  describe("Istio's sample tokens", () => {
    const issuer = "testing@secure.istio.io";
    const sample = (name: string) => readFileSync(SAMPLES + name, "utf8").trim();
    const evaluate = compileRequestAuthentication([policyOf({ issuer })]);
    const outcomeOf = (token: string) => {
      const headers = new Map([["authorization", [`Bearer ${token}`]]]);
      const keySet = parseProviderKeySet(sample("jwks.json"));
      return evaluate(
        { method: "GET", path: "/", host: "h", headers },
        now,
        verificationBy(() => keySet),
      );
    };
    for (const name of ["demo.jwt", "groups-scope.jwt"]) {
      test(`${name} is accepted with Istio's key set, and no longer with a letter changed`, () => {
        const outcome = outcomeOf(sample(name));
        assert.ok(outcome.kind === "authenticated");
        assert.equal(outcome.requestPrincipal, `${issuer}/${issuer}`);
        const damaged = sample(name).replace(
          /\.(..)/,
          (_, start: string) => `.${start[0]}${start[1] === "A" ? "B" : "A"}`,
        );
        assert.equal(outcomeOf(damaged).kind, "refused");
      });
    }
  });
} else console.log(`no tests with Istio's sample tokens: ${SAMPLES} does not exist`);

describe("100,000 requests", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const ed = generateKeyPairSync("ed25519");
  const mallory = generateKeyPairSync("ed25519");
  const keySets: Readonly<Record<string, ProviderKeySet>> = {
    "https://a": parseProviderKeySet(JSON.stringify({ keys: [jwkFromPublicKey(ec.publicKey, { kid: "ec" })] })),
    "https://b": parseProviderKeySet(JSON.stringify({ keys: [jwkFromPublicKey(ed.publicKey, { kid: "ed" })] })),
    "https://down": parseProviderKeySet("<html>"),
  };
  const sign = (iss: string, claims: object = {}) => {
    const { privateKey } = iss === "https://a" ? ec : iss === "https://b" ? ed : mallory;
    const payload = { iss, sub: "alice", aud: ["svc"], exp: 1_900_000_000, scope: "a b", ...claims };
    return signJws(payload, { kid: iss === "https://a" ? "ec" : "ed", privateKey });
  };
  const good = [sign("https://a"), sign("https://b"), sign("https://a", { sub: "bob", aud: "other" })];
  const bad = [
    sign("https://a", { exp: 1 }),
    sign("https://down"),
    sign("https://b", { nbf: 1_900_000_000 }),
    signJws({ iss: "https://b", sub: "eve" }, { kid: "ed", privateKey: mallory.privateKey }),
  ];
  const evaluate = compileRequestAuthentication([
    policyOf(
      {
        issuer: "https://a",
        outputPayloadToHeader: "x-jwt",
        outputClaimToHeaders: [{ header: "x-sub", claim: "sub" }],
      },
      {
        issuer: "https://b",
        audiences: ["svc"],
        fromHeaders: [
          { name: "x-t", prefix: "jwt " },
          { name: "x-u", prefix: "" },
        ],
        fromParams: ["t", "access_token"],
        fromCookies: ["t", "s"],
        outputClaimToHeaders: [{ header: "x-any", claim: "a.b" }],
      },
      { issuer: "https://down" },
    ),
  ]);

  test("each ends in an outcome, and only tokens as issued are accepted", () => {
    const SEED = 20260101;
    const random = createRandom(SEED);
    const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
    const verified = new Set<string>();
    const verification: TokenVerification<JwkSet> = {
      keysOf: ({ issuer }) => keySets[issuer] ?? { kind: "fetch_failed" },
      verifySignature: ({ text }, keys) => {
        const verdict = checkSignature(text, keys);
        if (verdict === "verified") verified.add(text);
        return verdict;
      },
    };
    const counts = { anonymous: 0, authenticated: 0, refused: 0 };
    for (let i = 0; i < 100_000; i++) {
      const request = randomRequest(random, pick, [...good, ...bad]);
      try {
        const outcome = evaluate(request, now, verification);
        counts[outcome.kind]++;
        if (outcome.kind === "authenticated") {
          for (const { name, value } of outcome.changes.addHeaders)
            assert.match(`${name}${value}`, /^[\t -~\x80-\xff]*$/);
        }
      } catch (cause) {
        throw new Error(
          `seed ${SEED}, request ${i}: ${JSON.stringify({ ...request, headers: [...request.headers] })}`,
          {
            cause,
          },
        );
      }
    }
    // `bad` holds tokens that are signed and whose claims are refused before the signature is looked at.
    assert.deepEqual([...verified].sort(), [...good].sort());
    assert.ok(
      Object.values(counts).every((count) => count > 1000),
      JSON.stringify(counts),
    );
  });
});

type Random = (below: number) => number;

/** Token, damaged in half of the cases, at a random place of a request whose rest is noise. */
function randomRequest(random: Random, pick: <T>(items: readonly T[]) => T, tokens: readonly string[]) {
  const noise = () => Array.from({ length: random(12) }, () => pick(NOISE)).join("");
  const token = () => {
    const text = pick(tokens);
    return random(2) === 0 ? text : damage(text, random, pick);
  };
  const headers = new Map<string, string[]>();
  const add = (name: string, value: string) => headers.set(name, [...(headers.get(name) ?? []), value]);
  let path = `/${noise()}`;
  for (let count = random(3); count >= 0; count--) {
    const places: readonly (() => void)[] = [
      () => add("authorization", `${pick(["Bearer ", "bearer ", "Bearer", " Bearer  ", ""])}${token()}`),
      () => add("x-t", `${noise()}${pick(["jwt ", "jwt", "JWT "])}${token()}`),
      () => add("x-u", pick([token(), noise(), ""])),
      () =>
        add(
          "cookie",
          `${noise()};${pick(["t", "s", "T", " t"])}=${pick(["", '"'])}${token()}${pick(["", '"'])}${noise()}`,
        ),
      () => {
        path += `${pick(["?", "&"])}${noise()}&${pick(["t", "access_token", "%74", "T"])}${pick(["=", "", "%3d"])}${token()}`;
      },
      () => add(pick(["origin", "content-type", "x-jwt", "x-sub"]), noise()),
      () => {},
    ];
    pick(places)();
  }
  return { method: pick(["GET", "OPTIONS", noise()]), path, host: noise(), headers };
}

const NOISE = [
  "a",
  "=",
  "&",
  "?",
  "#",
  "%",
  "%2",
  "%ff",
  ";",
  ",",
  '"',
  ".",
  " ",
  "\0",
  "\r\n",
  "é",
  "\ud800",
  "__proto__",
];
const PAYLOADS = [
  "{}",
  "[]",
  "null",
  '{"iss":"https://a","iss":"https://b"}',
  '{"iss":"https://a","exp":1e400}',
  `${"[".repeat(50)}`,
];

function damage(text: string, random: Random, pick: <T>(items: readonly T[]) => T): string {
  const at = random(text.length + 1);
  const parts = text.split(".");
  const encoded = (json: string) => Buffer.from(json).toString("base64url");
  const ways: readonly (() => string)[] = [
    () => text.slice(0, at),
    () => text.slice(0, at) + pick(NOISE) + text.slice(at + random(4)),
    () => text.slice(0, at) + text.slice(at + 1 + random(3)),
    () => text + pick(NOISE),
    () => [...parts, pick(parts)].join("."),
    () => [parts[0], encoded(pick(PAYLOADS)), parts[2]].join("."),
    () =>
      [
        encoded(pick(['{"alg":"none"}', '{"alg":"HS256"}', '{"alg":"EdDSA"}', '{"alg":["ES256"]}'])),
        parts[1],
        parts[2],
      ].join("."),
    () => [parts[0], parts[1], ""].join("."),
    () => [parts[0], parts[1], "A".repeat(random(100))].join("."),
    () => text.repeat(1 + random(3)),
    () => "A".repeat(random(20_000)),
  ];
  return pick(ways)();
}

/** Numbers that come again with the seed (mulberry32). */
function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
