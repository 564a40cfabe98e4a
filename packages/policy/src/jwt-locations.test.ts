import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compileJwtLocations, findTokens } from "./jwt-locations.ts";
import type { JwtRule } from "./request-authentication.ts";

type Places = Partial<Pick<JwtRule, "fromHeaders" | "fromParams" | "fromCookies">>;
type Headers = Readonly<Record<string, string | readonly string[]>>;

/** Each found token as "kind name: text". */
function found(places: Places, headers: Headers, path = "/"): string[] {
  const locations = compileJwtLocations({ fromHeaders: [], fromParams: [], fromCookies: [], ...places });
  const lines = new Map(Object.entries(headers).map(([name, value]) => [name, [value].flat()]));
  return findTokens(locations, { path, headers: lines }).map(
    ({ place, text }) => `${place.kind} ${place.name}: ${text}`,
  );
}
const header = (name: string, prefix = "") => ({ fromHeaders: [{ name, prefix }] });

describe("default places (istio-security §2.4)", () => {
  test("Authorization with Bearer, and the parameter access_token", () => {
    assert.deepEqual(found({}, { authorization: "Bearer a.b.c" }, "/?access_token=d.e.f"), [
      "header authorization: a.b.c",
      "parameter access_token: d.e.f",
    ]);
  });
  test("the prefix is case-sensitive, and another scheme is no token", () => {
    for (const value of ["bearer a.b.c", "BEARER a.b.c", "Basic a.b.c", "Bearer", "a.b.c", ""]) {
      assert.deepEqual(found({}, { authorization: value }), [], value);
    }
  });
  test("the name of the parameter is case-sensitive", () => {
    assert.deepEqual(found({}, {}, "/?Access_Token=a.b.c"), []);
  });
  test("are off as soon as a header, a parameter or a cookie is listed", () => {
    const request = { authorization: "Bearer a.b.c" };
    for (const places of [header("x-t"), { fromParams: ["t"] }, { fromCookies: ["t"] }]) {
      assert.deepEqual(found(places, request, "/?access_token=a.b.c"), []);
    }
  });
  test("two lines of Authorization are one value, never two tokens", () => {
    assert.deepEqual(found({}, { authorization: ["Bearer a.b.c", "Bearer d.e.f"] }), [
      "header authorization: a.b.c,Bearer d.e.f",
    ]);
  });
});

describe("headers", () => {
  test("without a prefix the whole value is the token, also an empty one", () => {
    assert.deepEqual(found(header("x-t"), { "x-t": "a.b.c" }), ["header x-t: a.b.c"]);
    assert.deepEqual(found(header("x-t"), { "x-t": "" }), ["header x-t: "]);
    assert.deepEqual(found(header("x-t"), { "x-t": '"a.b.c"' }), ['header x-t: "a.b.c"']);
  });
  test("their names are case-insensitive", () => {
    assert.deepEqual(found(header("X-T"), { "x-t": "a.b.c" }), ["header x-t: a.b.c"]);
  });
  test("the prefix is searched in the value, and what cannot begin a token is skipped behind it", () => {
    assert.deepEqual(found(header("x-t", "jwt="), { "x-t": 'v=1; jwt= "a.b.c' }), ["header x-t: a.b.c"]);
  });
  test("a value without the prefix has no token", () => {
    assert.deepEqual(found(header("x-t", "jwt="), { "x-t": "a.b.c" }), []);
  });
  test("text behind the token belongs to it, and so spoils it", () => {
    assert.deepEqual(found(header("x-t", "jwt="), { "x-t": "jwt=a.b.c;d" }), ["header x-t: a.b.c;d"]);
  });
  test("a prefix with nothing behind it leaves the value as it is", () => {
    assert.deepEqual(found(header("x-t", "jwt="), { "x-t": "jwt=;;" }), ["header x-t: jwt=;;"]);
  });
  test("several lines are several tokens", () => {
    assert.deepEqual(found(header("x-t"), { "x-t": ["a.b.c", "d.e.f"] }), ["header x-t: a.b.c", "header x-t: d.e.f"]);
  });
  test("one header with two prefixes is two places; listed twice it is one", () => {
    const places = { fromHeaders: ["b=", "a=", "b="].map((prefix) => ({ name: "x-t", prefix })) };
    assert.deepEqual(found(places, { "x-t": "a=1 b=2" }), ["header x-t: 1 b=2", "header x-t: 2"]);
  });
  test("one that is written by the mesh is never read", () => {
    const rule = { ...header("X-T"), fromParams: [], fromCookies: [] };
    const request = { path: "/", headers: new Map([["x-t", ["a.b.c"]]]) };
    assert.deepEqual(findTokens(compileJwtLocations(rule, new Set(["x-t"])), request), []);
    assert.equal(findTokens(compileJwtLocations(rule, new Set(["x-u"])), request).length, 1);
  });
});

describe("cookies", () => {
  const cookies = { fromCookies: ["t"] };
  const table: readonly (readonly [line: string | readonly string[], tokens: readonly string[], why: string])[] = [
    ["t=a.b.c", ["a.b.c"], "alone"],
    ["s=1; t=a.b.c; u=2", ["a.b.c"], "among others"],
    ["s=1;t=a.b.c", ["a.b.c"], "without a space"],
    ['t="a.b.c"', ["a.b.c"], "without its quotes"],
    ["t=a.b.c; t=d.e.f", ["a.b.c", "d.e.f"], "both of two"],
    [["t=a.b.c", "t=d.e.f"], ["a.b.c", "d.e.f"], "both of two lines"],
    [["s=1", "t=a.b.c"], ["a.b.c"], "on any line"],
    ["t=", [""], "empty"],
    ["T=a.b.c", [], "names are case-sensitive"],
    ["t", [], "without an equals sign"],
    ["tt=a.b.c; at=a.b.c", [], "whole names only"],
    ["t\t =a.b.c;\tt=d.e.f", ["a.b.c", "d.e.f"], "white space around a name, which applications take away"],
  ];
  for (const [line, tokens, why] of table) {
    test(why, () =>
      assert.deepEqual(
        found(cookies, { cookie: line }),
        tokens.map((text) => `cookie t: ${text}`),
      ),
    );
  }
});

test("headers come before parameters, parameters before cookies, each sorted by name", () => {
  const places: Places = {
    fromHeaders: ["x-b", "X-A"].map((name) => ({ name, prefix: "" })),
    fromParams: ["q", "p", "q"],
    fromCookies: ["d", "c"],
  };
  const request = { "x-a": "1", "x-b": "2", cookie: "d=6; c=5" };
  assert.deepEqual(found(places, request, "/?q=4&p=3"), [
    "header x-a: 1",
    "header x-b: 2",
    "parameter p: 3",
    "parameter q: 4",
    "cookie c: 5",
    "cookie d: 6",
  ]);
});
