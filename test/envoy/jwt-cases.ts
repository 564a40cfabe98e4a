/** Random rules, tokens and requests, drawn so that the outcome hangs on one detail. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import type { JwtRule } from "@symbolon/policy";
import { jwkFromPublicKey, signJws } from "@symbolon/spiffe/jwt";

export type Random = (below: number) => number;
export type HeaderLines = readonly (readonly [name: string, value: string])[];
export interface JwtRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: HeaderLines;
}

const ISSUERS = ["https://a", "https://b", "https://c"];
const KEYS = new Map<string, { readonly privateKey: KeyObject; readonly publicKey: KeyObject }>([
  ["https://a", generateKeyPairSync("rsa", { modulusLength: 2048 })],
  ["https://b", generateKeyPairSync("ec", { namedCurve: "P-256" })],
  ["https://c", generateKeyPairSync("ed25519")],
]);
const HEADERS = ["x-a", "x-b", "authorization"];
const PARAMETERS = ["p", "q"];
const COOKIES = ["c", "d"];

/** Numbers that come again with the seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export function randomRules(random: Random): readonly JwtRule[] {
  return Array.from({ length: 1 + random(3) }, () => randomRule(random));
}

function randomRule(random: Random): JwtRule {
  const pick = picker(random);
  const some = (names: readonly string[]) => names.filter(() => random(3) === 0);
  const issuer = pick([...ISSUERS, ""]);
  const isDefault = random(3) === 0;
  return {
    position: { file: "f.yaml", line: 1, column: 1 },
    issuer,
    jwks: keySet(issuer === "" ? ISSUERS : [issuer]),
    audiences: random(2) ? [] : pick([["svc"], ["https://svc/", "b"]]),
    fromHeaders: isDefault ? [] : some(HEADERS).map((name) => ({ name, prefix: pick(["", "Bearer ", "t="]) })),
    fromParams: isDefault ? [] : some(PARAMETERS),
    fromCookies: isDefault ? [] : some(COOKIES),
    outputClaimToHeaders: random(2)
      ? []
      : [{ header: pick(["x-out-1", "x-out-2"]), claim: pick(["sub", "n", "a.b", "aud"]) }],
    ...(random(2) ? {} : { outputPayloadToHeader: pick(["x-pay-1", "x-pay-2"]) }),
    forwardOriginalToken: random(2) === 0,
    ...(random(5) === 0 ? { isTokenRequired: true } : {}),
    timeoutMs: 5000,
    spaceDelimitedClaims: random(2) ? [] : ["roles"],
  };
}

function keySet(issuers: readonly string[]): string {
  return JSON.stringify({
    keys: issuers.flatMap((issuer) => {
      const key = KEYS.get(issuer)?.publicKey;
      return key ? [jwkFromPublicKey(key, { kid: issuer })] : [];
    }),
  });
}

/** `places` of the rules more often than not, so that tokens are found. */
export function randomRequest(random: Random, rules: readonly JwtRule[], nowSeconds: number): JwtRequest {
  const pick = picker(random);
  const headers: [string, string][] = [["host", "svc.foo"]];
  const query: string[] = [];
  const token = () => randomToken(random, pick([...rules.map(({ issuer }) => issuer), ...ISSUERS]), nowSeconds);
  const wanted = pick(rules);
  const places: readonly (() => void)[] = [
    () => headers.push([pick(HEADERS), pick(["", "Bearer ", "t=", "t=  "]) + token()]),
    () => headers.push(["authorization", `Bearer ${token()}`]),
    () => wanted.fromHeaders.forEach(({ name, prefix }) => headers.push([name, prefix + token()])),
    () => query.push(`${pick([...PARAMETERS, ...wanted.fromParams, "access_token"])}=${token()}`),
    () => headers.push(["cookie", `${pick([...COOKIES, ...wanted.fromCookies])}=${token()}`]),
    () => headers.push([pick(["x-out-1", "x-out-2", "x-pay-1", "x-pay-2"]), "from-outside"]),
    () => query.push("z=1"),
    () => {},
  ];
  for (let count = random(3); count >= 0; count--) pick(places)();
  if (random(12) === 0) headers.push(["content-type", "application/grpc"]);
  const isPreflight = random(12) === 0;
  if (isPreflight) headers.push(["origin", "o"], ["access-control-request-method", "GET"]);
  return { method: isPreflight ? "OPTIONS" : "GET", path: query.length ? `/x?${query.join("&")}` : "/x", headers };
}

function randomToken(random: Random, wantedIssuer: string, nowSeconds: number): string {
  const pick = picker(random);
  const iss = KEYS.has(wantedIssuer) ? wantedIssuer : pick(ISSUERS);
  const claims = {
    iss: random(20) === 0 ? pick([undefined, "https://unknown"]) : iss,
    sub: pick(["alice", "alice", "bob", "", undefined]),
    exp: random(8) === 0 ? pick([undefined, 1, "x", nowSeconds - 30, -1, nowSeconds - 90]) : nowSeconds + 600,
    nbf: random(10) === 0 ? pick([nowSeconds + 30, nowSeconds + 90, "x"]) : undefined,
    aud: pick(["svc", "svc", ["b", "x"], "http://svc", "zz", []]),
    n: pick([1, -2, 1.5, true, null, "x", [1]]),
    a: pick([{ b: "deep" }, 1, {}]),
    scope: pick(["a b", ["x"], " a  b", " "]),
    roles: pick(["r s", 1]),
  };
  const signer = KEYS.get(random(12) === 0 ? pick(ISSUERS) : iss);
  if (!signer) throw new Error(`no key of ${iss}`);
  const kid = random(8) === 0 ? pick(["", "other"]) : iss;
  const text = signJws(claims, { kid, privateKey: signer.privateKey });
  const [header, payload, signature] = text.split(".");
  const none = Buffer.from('{"alg":"none"}').toString("base64url");
  if (random(4) > 0) return text;
  return pick([
    `${header}.${payload}`,
    `${text},x`,
    `${header}.${payload}.${"A".repeat(86)}`,
    "junk",
    "",
    `${none}.${payload}.${signature}`,
  ]);
}

function picker(random: Random) {
  return <T>(items: readonly T[]): T => {
    const item = items[random(items.length)];
    // `items` is never empty, and `T` may have undefined as a member.
    return item as T;
  };
}
