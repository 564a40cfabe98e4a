import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { expandPrincipal, expandTrustDomain } from "./trust-domain-aliases.ts";

const NAMES = { trustDomain: "td1", trustDomainAliases: ["td2"] };

describe("trust-domain aliases", () => {
  for (const [what, value, wanted] of [
    ["the local one means all", "td1/ns/a/sa/b", ["td1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    ["an alias means all", "td2/ns/a/sa/b", ["td1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    [
      "cluster.local means all, though it is none of them",
      "cluster.local/ns/a/sa/b",
      ["td1/ns/a/sa/b", "td2/ns/a/sa/b"],
    ],
    ["a stranger stays", "td3/ns/a/sa/b", ["td3/ns/a/sa/b"]],
    ["a wildcard that covers all stays one", "td*/ns/a/sa/b", ["td*/ns/a/sa/b"]],
    ["a wildcard that covers one stays for that one", "*1/ns/a/sa/b", ["*1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    ["any stays", "*/ns/a/sa/b", ["*/ns/a/sa/b"]],
    ["an empty one stays", "/ns/a/sa/b", ["/ns/a/sa/b"]],
    ["four parts stay", "td1/ns/a/sa", ["td1/ns/a/sa"]],
    ["six parts stay", "td1/ns/a/sa/b/c", ["td1/ns/a/sa/b/c"]],
  ] as const)
    test(what, () => assert.deepEqual(expandPrincipal(value, NAMES), wanted));

  test("a name of the local trust domain in trustDomains means all, a pattern itself", () => {
    assert.deepEqual(expandTrustDomain("td2", NAMES), ["td1", "td2"]);
    assert.deepEqual(expandTrustDomain("td*", NAMES), ["td*"]);
    assert.deepEqual(expandTrustDomain("cluster.local", NAMES), ["cluster.local"]);
  });
});
