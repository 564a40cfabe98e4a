import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileRequestAuthentication } from "./compile-request-authentication.ts";
import { JWT_FAILURES, type JwtFailure } from "./jwt-failures.ts";
import type { JwtRule, RequestAuthentication } from "./request-authentication.ts";
import type { RequestAuthenticationOutcome, RuleKeys, TokenVerification } from "./request-authentication-outcome.ts";

const now = new Date("2026-01-01T00:00:00Z");
const seconds = now.getTime() / 1000;
const position = { file: "f.yaml", line: 1, column: 1 };
const A = "https://a";
const B = "https://b";

const rule = (fields: Partial<JwtRule> = {}): JwtRule => ({
  position,
  issuer: A,
  audiences: [],
  fromHeaders: [],
  fromParams: [],
  fromCookies: [],
  outputClaimToHeaders: [],
  forwardOriginalToken: false,
  timeoutMs: 5000,
  spaceDelimitedClaims: [],
  ...fields,
});
const policy = (...jwtRules: JwtRule[]): RequestAuthentication => ({
  kind: "RequestAuthentication",
  namespace: "foo",
  name: "jwt",
  position,
  targetRefs: [],
  jwtRules,
});
const inHeader = (...names: string[]) => ({ fromHeaders: names.map((name) => ({ name, prefix: "" })) });

/** A token whose signature names the issuer whose key made it. */
function token(claims: Record<string, unknown> = {}, signer = String(claims.iss ?? A), header: object = {}): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const payload = { iss: A, sub: "alice", exp: seconds + 3600, ...claims };
  return `${part({ alg: "RS256", ...header })}.${part(payload)}.${Buffer.from(`by ${signer}`).toString("base64url")}`;
}
const good = token();
const expired = token({ exp: 1 });
const badSignature = token({}, "mallory");
const ofB = token({ iss: B });

/** Keys are the issuer's name here: each issuer signs with its name. */
const verification: TokenVerification<string> = {
  keysOf: ({ issuer }) => ({ kind: "ready", keys: issuer }),
  verifySignature: ({ text }, keys) => {
    const signature = Buffer.from(text.split(".")[2] ?? "", "base64url").toString();
    return keys === "" || signature === `by ${keys}` ? "verified" : "invalid";
  },
};

interface Sent {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly path?: string;
  readonly method?: string;
  readonly scheme?: "http" | "https";
  readonly verification?: TokenVerification<string>;
}

function evaluate(policies: readonly RequestAuthentication[], sent: Sent = {}): RequestAuthenticationOutcome {
  const { headers = {}, path = "/", method = "GET", scheme } = sent;
  const request = {
    method,
    path,
    host: "svc.foo",
    headers: new Map(Object.entries(headers).map(([name, value]) => [name, [value].flat()])),
    ...(scheme ? { scheme } : {}),
  };
  return compileRequestAuthentication(policies)(request, now, sent.verification ?? verification);
}
/** "anonymous", the principal, or the failure. */
function told(outcome: RequestAuthenticationOutcome): string {
  if (outcome.kind === "anonymous") return "anonymous";
  if (outcome.kind === "authenticated") return outcome.requestPrincipal ?? "no principal";
  return `${outcome.answer.status} ${outcome.failure}`;
}
const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });
const outcomeOf = (policies: readonly RequestAuthentication[], sent: Sent) => told(evaluate(policies, sent));

describe("one rule (istio-security §2.3, §2.8)", () => {
  const one = [policy(rule())];
  test("no token: passes without principal", () => assert.equal(outcomeOf(one, {}), "anonymous"));
  test("a valid token: passes with principal and claims", () => {
    const outcome = evaluate(one, bearer(good));
    assert.ok(outcome.kind === "authenticated");
    assert.equal(outcome.requestPrincipal, "https://a/alice");
    assert.deepEqual({ ...outcome.claims }, { iss: A, sub: "alice", exp: seconds + 3600 });
    assert.deepEqual(outcome.place, { kind: "header", name: "authorization" });
    assert.equal(outcome.by.rule, one[0]?.jwtRules[0]);
  });
  test("an expired token: 401", () => assert.equal(outcomeOf(one, bearer(expired)), "401 expired"));
  test("a signature that does not verify: 401", () => {
    assert.equal(outcomeOf(one, bearer(badSignature)), "401 signature_invalid");
  });
  test("an issuer that nobody configured: 401", () => {
    assert.equal(outcomeOf(one, bearer(ofB)), "401 issuer_not_configured");
    assert.equal(outcomeOf(one, bearer(token({ iss: undefined }))), "401 issuer_not_configured");
  });
  test("a wrong audience: 403", () => {
    const wanting = [policy(rule({ audiences: ["https://svc/"] }))];
    assert.equal(outcomeOf(wanting, bearer(token({ aud: "other" }))), "403 audience_not_allowed");
    assert.equal(outcomeOf(wanting, bearer(good)), "403 audience_not_allowed");
    assert.equal(outcomeOf(wanting, bearer(token({ aud: ["other", "svc"] }))), "https://a/alice");
  });
  test("a token in a place that is not listed: as without token", () => {
    const outcome = outcomeOf(one, { headers: { "x-token": expired, cookie: `access_token=${expired}` } });
    assert.equal(outcome, "anonymous");
  });
  test("something at the place of a token that is none: 401", () => {
    assert.equal(outcomeOf(one, bearer("junk")), "401 bad_format");
    assert.equal(outcomeOf(one, { path: "/?access_token" }), "401 bad_format");
  });
  test("every token at the places of a rule must verify, whatever the order", () => {
    const header = [policy(rule(inHeader("x-t")))];
    for (const lines of [
      [good, expired],
      [expired, good],
    ]) {
      assert.equal(outcomeOf(header, { headers: { "x-t": lines } }), "401 expired");
    }
    const both = [policy(rule({ fromParams: ["p", "q"] }))];
    assert.equal(outcomeOf(both, { path: `/?p=${good}&q=${expired}` }), "401 expired");
    assert.equal(outcomeOf(both, { path: `/?p=${expired}&q=${good}` }), "401 expired");
    assert.equal(outcomeOf(both, { path: `/?p=${good}&q=${good}` }), "https://a/alice");
    assert.equal(outcomeOf([policy(rule())], { ...bearer(good), path: `/?access_token=${expired}` }), "401 expired");
  });
  test("two lines of Authorization are refused, even if each is good", () => {
    const lines = [`Bearer ${good}`, `Bearer ${good}`];
    assert.equal(outcomeOf(one, { headers: { authorization: lines } }), "401 bad_format");
  });
  test("of several good tokens the first place is the principal", () => {
    const places = [policy(rule({ ...inHeader("x-b", "x-a"), fromParams: ["p"] }))];
    const headers = { "x-a": token({ sub: "first" }), "x-b": token({ sub: "second" }) };
    assert.equal(outcomeOf(places, { headers, path: `/?p=${token({ sub: "third" })}` }), "https://a/first");
  });
  test("a token without subject passes without principal, with claims", () => {
    const outcome = evaluate(one, bearer(token({ sub: undefined })));
    assert.equal(told(outcome), "no principal");
    assert.ok(outcome.kind === "authenticated" && outcome.claims.iss === A);
  });
  test("a rule without issuer takes the tokens of any, and those of none", () => {
    const any = [policy(rule({ issuer: "", jwksUri: "https://keys" }))];
    assert.equal(outcomeOf(any, bearer(ofB)), "https://b/alice");
    assert.equal(outcomeOf(any, bearer(token({ iss: undefined }))), "no principal");
  });
  test("no rules: no effect", () => {
    assert.equal(outcomeOf([], bearer("junk")), "anonymous");
    assert.equal(outcomeOf([policy()], bearer("junk")), "anonymous");
  });
});

describe("several rules (istio-security §2.3)", () => {
  const apart = [policy(rule(inHeader("x-a"))), policy(rule({ issuer: B, ...inHeader("x-b") }))];
  test("no token at any place: passes without principal", () => assert.equal(outcomeOf(apart, {}), "anonymous"));
  test("one good token is enough, also beside a bad one at a place of another rule", () => {
    const headers = { "x-a": good, "x-b": token({ iss: B }, "mallory") };
    assert.equal(outcomeOf(apart, { headers }), "https://a/alice");
    assert.equal(outcomeOf(apart, { headers: { "x-a": expired, "x-b": ofB } }), "https://b/alice");
  });
  test("a bad token and no good one: 401", () => {
    assert.equal(outcomeOf(apart, { headers: { "x-a": expired } }), "401 expired");
    assert.equal(outcomeOf(apart, { headers: { "x-b": token({ iss: B, exp: 1 }) } }), "401 expired");
  });
  test("a shared place: the token belongs to whoever accepts it", () => {
    const shared = [policy(rule()), policy(rule({ issuer: B }))];
    assert.equal(outcomeOf(shared, bearer(ofB)), "https://b/alice");
    assert.equal(outcomeOf(shared, bearer(good)), "https://a/alice");
    assert.equal(outcomeOf(shared, bearer(token({ iss: "https://c" }))), "401 issuer_not_configured");
  });
  test("a bad token at a place that two rules share spoils both", () => {
    const shared = [policy(rule(inHeader("x-a")), rule({ issuer: B, ...inHeader("x-a", "x-b") }))];
    assert.equal(outcomeOf(shared, { headers: { "x-a": badSignature, "x-b": ofB } }), "401 signature_invalid");
    assert.equal(outcomeOf(shared, { headers: { "x-b": ofB } }), "https://b/alice");
  });
  test("a bad second line of a header is refused, though Envoy has taken the header out by then", () => {
    assert.equal(outcomeOf(apart, { headers: { "x-a": [badSignature, good] } }), "401 signature_invalid");
    assert.equal(outcomeOf(apart, { headers: { "x-a": [good, badSignature] } }), "401 signature_invalid");
  });
  test("all policies count, sorted by issuer; equal issuers stay in the order given", () => {
    const names = (outcome: RequestAuthenticationOutcome) =>
      outcome.kind === "authenticated" && `${outcome.by.policy.name}[${outcome.by.index}]`;
    const named = (name: string, ...rules: JwtRule[]) => ({ ...policy(...rules), name });
    const any = { issuer: "", jwksUri: "https://keys" };
    const twice = [named("one", rule({ issuer: B }), rule()), named("two", rule())];
    assert.equal(names(evaluate(twice, bearer(good))), "one[1]");
    assert.equal(names(evaluate(twice.toReversed(), bearer(good))), "two[0]");
    assert.equal(names(evaluate([...twice, named("any", rule(any))], bearer(good))), "any[0]");
  });
  test("two rules of one issuer are both tried", () => {
    const twice = [policy(rule({ audiences: ["x"] }), rule({ audiences: ["y"] }))];
    assert.equal(outcomeOf(twice, bearer(token({ aud: "y" }))), "https://a/alice");
    assert.equal(outcomeOf(twice, bearer(token({ aud: "z" }))), "403 audience_not_allowed");
  });

  const three = [...apart, policy(rule({ issuer: "https://c", ...inHeader("x-c") }))];
  const table: readonly (readonly [a: string, b: string, c: string, told: JwtFailure, why: string])[] = [
    [ofB, "", "", "issuer_not_configured", "alone, an unknown issuer is told"],
    [ofB, token({ iss: B, exp: 1 }), "", "expired", "anything is told rather than an unknown issuer"],
    [expired, good, "", "expired", "in either order"],
    [expired, token({ iss: B }, "mallory"), "", "expired", "of two, the first rule's"],
    [badSignature, token({ iss: B, exp: 1 }), "", "signature_invalid", "of two, the first rule's, not the first fault"],
    [ofB, token({ iss: B, exp: 1 }), "x", "bad_format", "the last, when the first is an unknown issuer"],
    [ofB, good, token({ iss: B }), "issuer_not_configured", "unknown issuers only"],
  ];
  for (const [a, b, c, failure, why] of table) {
    test(`which failure: ${why}`, () => {
      const present = Object.entries({ "x-a": a, "x-b": b, "x-c": c }).filter(([, value]) => value !== "");
      const outcome = evaluate(three, { headers: Object.fromEntries(present) });
      assert.equal(outcome.kind === "refused" && outcome.failure, failure);
    });
  }
});

describe("presence: REQUIRED", () => {
  const required = policy(rule({ ...inHeader("x-a"), isTokenRequired: true }), rule({ issuer: B, ...inHeader("x-b") }));

  test("without any token: 401, without error code", () => {
    const outcome = evaluate([required]);
    assert.ok(outcome.kind === "refused");
    assert.deepEqual([outcome.failure, outcome.answer.body], ["token_missing", "Jwt is missing"]);
    assert.match(outcome.answer.wwwAuthenticate, /^Bearer realm="[^"]+"$/);
    assert.deepEqual(outcome.place, { kind: "header", name: "x-a" });
  });
  test("a good token of either rule is enough, a bad one is told as what it is", () => {
    assert.equal(outcomeOf([required], { headers: { "x-a": good } }), `${A}/alice`);
    assert.equal(outcomeOf([required], { headers: { "x-b": ofB } }), `${B}/alice`);
    assert.equal(outcomeOf([required], { headers: { "x-b": good } }), "401 issuer_not_configured");
    assert.equal(outcomeOf([required], { headers: { "x-a": expired } }), "401 expired");
  });
  test("a preflight passes", () => {
    const headers = { origin: "o", "access-control-request-method": "GET" };
    assert.equal(outcomeOf([required], { method: "OPTIONS", headers }), "anonymous");
  });
});

describe("keys (istio-security §2.5)", () => {
  const one = [policy(rule())];
  const withKeys = (state: RuleKeys<string>) => ({ verification: { ...verification, keysOf: () => state } });
  const states: readonly (readonly [kind: Exclude<RuleKeys<string>["kind"], "ready">, body: string])[] = [
    ["fetch_failed", "Jwks remote fetch is failed"],
    ["not_json", "Jwks is an invalid JSON"],
    ["no_keys", "Jwks does not have [keys] field"],
    ["keys_not_list", "[keys] in Jwks is not an array"],
    ["no_valid_keys", "Jwks doesn't have any valid public key"],
  ];
  for (const [kind, body] of states) {
    test(`${kind}: every token is refused, and who has none passes`, () => {
      const outcome = evaluate(one, { ...bearer(good), ...withKeys({ kind }) });
      assert.deepEqual(outcome.kind === "refused" && [outcome.answer.status, outcome.answer.body], [401, body]);
      assert.equal(outcomeOf(one, withKeys({ kind })), "anonymous");
    });
  }
  test("no key for kid and algorithm: its own message", () => {
    const outcome = evaluate(one, {
      ...bearer(good),
      verification: { ...verification, verifySignature: () => "no_key" },
    });
    assert.equal(
      outcome.kind === "refused" && outcome.answer.body,
      "Jwks doesn't have key to match kid or alg from Jwt",
    );
  });
  test("a verdict that is none refuses", () => {
    for (const verdict of [undefined, true, "VERIFIED", "", {}]) {
      const verifySignature = () => verdict as never;
      const outcome = outcomeOf(one, { ...bearer(good), verification: { ...verification, verifySignature } });
      assert.equal(outcome, "401 signature_invalid");
    }
  });
  test("a critical header is refused whatever the verifier says", () => {
    const critical = token({}, A, { crit: ["exp"] });
    assert.equal(outcomeOf(one, bearer(critical)), "401 signature_invalid");
  });
  test("claims are looked at before keys are asked for", () => {
    const keysOf = () => assert.fail("asked for keys");
    const asking = { verification: { ...verification, keysOf } };
    for (const [text, failure] of [
      [ofB, "issuer_not_configured"],
      [expired, "expired"],
      ["junk", "bad_format"],
    ] as const) {
      assert.equal(outcomeOf(one, { ...bearer(text), ...asking }), `401 ${failure}`);
    }
  });
  test("issuer before time, time before audience, audience before signature", () => {
    const wanting = [policy(rule({ audiences: ["x"] }))];
    assert.equal(outcomeOf(wanting, bearer(token({ iss: B, exp: 1 }))), "401 issuer_not_configured");
    assert.equal(outcomeOf(wanting, bearer(expired)), "401 expired");
    assert.equal(outcomeOf(wanting, bearer(token({ nbf: seconds + 99, exp: 1 }))), "401 not_yet_valid");
    assert.equal(outcomeOf(wanting, bearer(badSignature)), "403 audience_not_allowed");
  });
});

describe("CORS preflight", () => {
  const one = [policy(rule({ outputPayloadToHeader: "x-jwt" }))];
  const preflight = { origin: "https://app", "access-control-request-method": "GET" };
  const sent = { ...bearer(expired).headers, ...preflight };
  test("passes with a bad token, and without what pretends to be the mesh's", () => {
    const outcome = evaluate(one, { method: "OPTIONS", headers: { ...sent, "x-jwt": "spoofed" } });
    assert.ok(outcome.kind === "anonymous" && outcome.why === "cors_preflight");
    assert.deepEqual(outcome.changes.removeHeaders, ["x-jwt"]);
  });
  test("OPTIONS without Origin, or without the method asked for, is checked", () => {
    for (const name of Object.keys(preflight)) {
      const { [name]: _, ...others } = sent as Record<string, string>;
      assert.equal(outcomeOf(one, { method: "OPTIONS", headers: others }), "401 expired", name);
      assert.equal(outcomeOf(one, { method: "OPTIONS", headers: { ...sent, [name]: "" } }), "401 expired", name);
    }
  });
  test("another method with these headers is checked", () => {
    for (const method of ["GET", "options"]) assert.equal(outcomeOf(one, { method, headers: sent }), "401 expired");
  });
});

describe("the answer", () => {
  const answer = (sent: Sent) => {
    const outcome = evaluate([policy(rule({ audiences: ["x"] }))], sent);
    assert.ok(outcome.kind === "refused");
    return outcome.answer;
  };
  test("has Istio's status, body, header and detail", () => {
    assert.deepEqual(answer({ ...bearer(expired), path: "/p?x=1", scheme: "https" }), {
      status: 401,
      body: "Jwt is expired",
      wwwAuthenticate: 'Bearer realm="https://svc.foo/p?x=1", error="invalid_token"',
      responseCodeDetail: "jwt_authn_access_denied{Jwt_is_expired}",
    });
  });
  test("is 403 for audiences", () => {
    assert.deepEqual(answer(bearer(good)), {
      status: 403,
      body: "Audiences in Jwt are not allowed",
      wwwAuthenticate: 'Bearer realm="http://svc.foo/", error="invalid_token"',
      responseCodeDetail: "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}",
    });
  });
  test("has a grpc-status for gRPC, and not for gRPC-Web", () => {
    const of = (text: string, type: string) =>
      answer({ headers: { ...bearer(text).headers, "content-type": type } }).grpcStatus;
    assert.equal(of(expired, "application/grpc"), 16);
    assert.equal(of(good, "application/grpc+proto"), 7);
    for (const type of ["application/grpc-web", "application/json", "application/grpcx"]) {
      assert.equal(of(expired, type), undefined, type);
    }
  });
  test("cuts the path after 256 characters, and lets nobody end the quotes", () => {
    const path = `/"\\\r\n${"a".repeat(300)}`;
    const { wwwAuthenticate } = answer({ ...bearer("x"), path });
    assert.equal(
      wwwAuthenticate,
      `Bearer realm="http://svc.foo/%22%5C%0D%0A${"a".repeat(251)}", error="invalid_token"`,
    );
  });
  test("every message is one line of ASCII", () => {
    for (const { message } of Object.values(JWT_FAILURES)) assert.match(message, /^[ -~]+$/);
  });
});

describe("what happens to the request (istio-security §2.6)", () => {
  const changesOf = (fields: Partial<JwtRule>, sent: Sent) => {
    const outcome = evaluate([policy(rule(fields))], sent);
    assert.ok(outcome.kind !== "refused");
    return outcome.changes;
  };
  test("the token is taken out: the whole header, all of the parameter", () => {
    assert.deepEqual(changesOf({}, bearer(good)), { removeHeaders: ["authorization"], addHeaders: [] });
    const path = `/p?a=%26&access_token=${good}&access_token=${good}&b`;
    assert.deepEqual(changesOf({}, { path }), { removeHeaders: [], addHeaders: [], path: "/p?a=%26&b" });
  });
  test("a second parameter or cookie of one name has to verify as well: the application may read that one", () => {
    const outcome = (fields: Partial<JwtRule>, sent: Sent) => evaluate([policy(rule(fields))], sent).kind;
    for (const second of ["2", "", "a.b.c"]) {
      assert.equal(outcome({}, { path: `/?access_token=${good}&access_token=${second}` }), "refused");
      for (const cookie of [`t=${good}; t=${second}`, `t=${second}; t=${good}`])
        assert.equal(outcome({ fromCookies: ["t"] }, { headers: { cookie } }), "refused", cookie);
    }
    assert.equal(outcome({ fromCookies: ["t"] }, { headers: { cookie: `t=${good}; t=${good}` } }), "authenticated");
    assert.equal(outcome({ fromCookies: ["t"] }, { headers: { cookie: `t=${good}; s=a.b.c` } }), "authenticated");
  });
  test("a cookie stays", () => {
    const sent = { headers: { cookie: `t=${good}` } };
    assert.deepEqual(changesOf({ fromCookies: ["t"] }, sent), { removeHeaders: [], addHeaders: [] });
  });
  test("every token of the rule is taken out, and no other place is touched", () => {
    const fields = { ...inHeader("X-A", "x-b"), fromParams: ["p"] };
    const sent = { headers: { "x-a": good, "x-b": good, ...bearer(good).headers }, path: `/?p=${good}` };
    assert.deepEqual(changesOf(fields, sent), { removeHeaders: ["x-a", "x-b"], addHeaders: [], path: "/" });
  });
  test("forwardOriginalToken leaves it", () => {
    const sent = { ...bearer(good), path: `/?access_token=${good}` };
    assert.deepEqual(changesOf({ forwardOriginalToken: true }, sent), { removeHeaders: [], addHeaders: [] });
  });
  test("nothing is taken out of a request without a good token", () => {
    assert.deepEqual(changesOf({}, { headers: { authorization: "Basic x" } }), { removeHeaders: [], addHeaders: [] });
  });

  const outputs: Partial<JwtRule> = {
    outputPayloadToHeader: "X-Jwt",
    outputClaimToHeaders: [
      { header: "X-Sub", claim: "sub" },
      { header: "x-group", claim: "group" },
    ],
  };
  test("headers of the mesh replace those of the same name from outside", () => {
    const sent = { headers: { ...bearer(good).headers, "x-jwt": "evil", "x-group": "admin" } };
    assert.deepEqual(changesOf(outputs, sent), {
      removeHeaders: ["x-jwt", "x-sub", "x-group", "authorization"],
      addHeaders: [
        { name: "x-jwt", value: good.split(".")[1] },
        { name: "x-sub", value: "alice" },
      ],
    });
  });
  test("without token they are removed all the same", () => {
    const sent = { headers: { "x-jwt": "evil", "x-sub": "admin" } };
    assert.deepEqual(changesOf(outputs, sent), { removeHeaders: ["x-jwt", "x-sub", "x-group"], addHeaders: [] });
  });
  test("those of the other rules too, whichever rule accepts the token", () => {
    const outcome = evaluate([policy(rule()), policy(rule({ issuer: B, ...outputs }))], bearer(good));
    assert.ok(outcome.kind === "authenticated");
    assert.deepEqual(outcome.changes.removeHeaders, ["x-jwt", "x-sub", "x-group", "authorization"]);
  });
  test("headers and principal are of the same token", () => {
    const headers = { "x-a": token({ sub: "first" }), "x-b": token({ sub: "second", group: "admin" }) };
    const outcome = evaluate([policy(rule({ ...outputs, ...inHeader("x-a", "x-b") }))], { headers });
    assert.ok(outcome.kind === "authenticated");
    assert.equal(outcome.requestPrincipal, "https://a/first");
    assert.deepEqual(outcome.changes.addHeaders.slice(1), [{ name: "x-sub", value: "first" }]);
  });
  test("the payload header has the claims as signed, policies have them split", () => {
    const scoped = token({ scope: "read write", roles: "a b" });
    const outcome = evaluate([policy(rule({ ...outputs, spaceDelimitedClaims: ["roles"] }))], bearer(scoped));
    assert.ok(outcome.kind === "authenticated");
    assert.deepEqual(
      [outcome.claims.scope, outcome.claims.roles],
      [
        ["read", "write"],
        ["a", "b"],
      ],
    );
    assert.equal(outcome.changes.addHeaders[0]?.value, scoped.split(".")[1]);
  });
});

test("the skew is an option of the workload", () => {
  const strict = compileRequestAuthentication([policy(rule())], { clockSkewSeconds: 0 });
  const request = (text: string) => ({
    method: "GET",
    path: "/",
    host: "h",
    headers: new Map([["authorization", [`Bearer ${text}`]]]),
  });
  assert.equal(told(strict(request(token({ exp: seconds - 1 })), now, verification)), "401 expired");
  assert.equal(told(strict(request(token({ exp: seconds })), now, verification)), "https://a/alice");
});
