import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  namespaceMatches,
  parsePeerIdentity,
  principalMatches,
  serviceAccountMatches,
  trustDomainMatches,
} from "./peer-identity.ts";

const peer = (principal: string) => parsePeerIdentity(`spiffe://${principal}`);
const CURL = peer("cluster.local/ns/foo/sa/curl");

/** Rows: value, identities that match, near misses. */
function table(
  match: (value: string, identity: ReturnType<typeof peer>) => boolean,
  rows: readonly (readonly [value: string, yes: readonly string[], no: readonly string[]])[],
): void {
  for (const [value, yes, no] of rows)
    test(value, () => {
      for (const identity of yes) assert.ok(match(value, peer(identity)), `should match ${identity}`);
      for (const identity of no) assert.ok(!match(value, peer(identity)), `should not match ${identity}`);
    });
}

describe("principals", () => {
  table(principalMatches, [
    [
      "cluster.local/ns/foo/sa/curl",
      ["cluster.local/ns/foo/sa/curl"],
      ["cluster.local/ns/foo/sa/curl2", "x/ns/foo/sa/curl"],
    ],
    ["cluster.local/ns/foo/*", ["cluster.local/ns/foo/sa/curl"], ["cluster.local/ns/foobar/sa/curl"]],
    ["*/sa/curl", ["cluster.local/ns/foo/sa/curl", "td/ns/bar/sa/curl"], ["td/ns/bar/sa/curl2", "td/ns/bar/sa/xcurl"]],
    ["*", ["td"], []],
    // "Do not write spiffe:// in the policy: it would never match."
    ["spiffe://cluster.local/ns/foo/sa/curl", [], ["cluster.local/ns/foo/sa/curl"]],
  ]);
});

describe("namespaces", () => {
  table(namespaceMatches, [
    ["foo", ["td/ns/foo/sa/a", "td/x/ns/foo/y"], ["td/ns/foobar/sa/a", "td/ns/foo", "td/foo/sa/a"]],
    ["foo*", ["td/ns/foobar/sa/a", "td/ns/foo/sa/a"], ["td/ns/xfoo/sa/a"]],
    ["*bar", ["td/ns/foobar/sa/a"], ["td/ns/bars/sa/a"]],
    ["f*r", ["td/ns/foobar/sa/a", "td/ns/f/sa/r/x"], ["td/ns/foo/sa/a"]],
    ["foo.bar", ["td/ns/foo.bar/sa/a"], ["td/ns/fooxbar/sa/a"]],
    ["*", ["td/ns/foo/sa/a"], ["td", "td/foo"]],
  ]);
});

describe("service accounts", () => {
  table(
    (value, identity) => serviceAccountMatches(value, "foo", identity),
    [
      [
        "bar/curl",
        ["td/ns/bar/sa/curl", "td/ns/bar/x/sa/curl", "td/ns/bar/sa/curl/y"],
        ["td/ns/foo/sa/curl", "td/ns/bar/sa/curl2", "td/ns/bar/xsa/curl"],
      ],
      ["curl", ["td/ns/foo/sa/curl"], ["td/ns/bar/sa/curl"]],
      ["http.bin", ["td/ns/foo/sa/http.bin"], ["td/ns/foo/sa/httpxbin"]],
      ["ns/sa", ["td/ns/ns/sa/sa"], ["td/ns/sa/sa"]],
    ],
  );
});

describe("trust domains", () => {
  table(trustDomainMatches, [
    ["td", ["td/ns/foo/sa/a"], ["td2/ns/foo/sa/a", "td", "x/td/a"]],
    ["td*", ["td/a", "td2/a"], ["xtd/a"]],
    ["*.corp", ["a.corp/x"], ["a.corp.evil/x", "a/x.corp/y"]],
    ["*", ["td", "td/a"], []],
  ]);

  test("take an ID apart once", () => {
    assert.deepEqual(CURL.namespaces, ["foo"]);
    assert.deepEqual([...CURL.serviceAccounts], ["foo/curl"]);
    assert.equal(CURL.trustDomain, "cluster.local");
  });
});
