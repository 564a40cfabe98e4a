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
    ["a wildcard at the end means all that it covers", "td*/ns/a/sa/b", ["td1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    ["a wildcard at the end that covers none stays", "xd*/ns/a/sa/b", ["xd*/ns/a/sa/b"]],
    ["a wildcard at the start that covers all stays one", "*d1/ns/a/sa/b", ["*d1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    ["a wildcard that covers one stays for that one", "*1/ns/a/sa/b", ["*1/ns/a/sa/b", "td2/ns/a/sa/b"]],
    ["any stays", "*/ns/a/sa/b", ["*/ns/a/sa/b"]],
    ["an empty one stays", "/ns/a/sa/b", ["/ns/a/sa/b"]],
    ["four parts stay", "td1/ns/a/sa", ["td1/ns/a/sa"]],
    ["six parts stay", "td1/ns/a/sa/b/c", ["td1/ns/a/sa/b/c"]],
  ] as const)
    test(what, () => assert.deepEqual(expandPrincipal(value, NAMES), wanted));

  test("an alias with a wildcard covers what is written, and is one of the names that it then means", () => {
    const names = { trustDomain: "td1", trustDomainAliases: ["*-old", "new-*"] };
    const all = ["td1/ns/a/sa/b", "*-old/ns/a/sa/b", "new-*/ns/a/sa/b"];
    assert.deepEqual(expandPrincipal("my-old/ns/a/sa/b", names), all);
    assert.deepEqual(expandPrincipal("new-1/ns/a/sa/b", names), all);
    assert.deepEqual(expandPrincipal("cluster.local/ns/a/sa/b", names), all);
    assert.deepEqual(expandPrincipal("old/ns/a/sa/b", names), ["old/ns/a/sa/b"]);
    assert.deepEqual(expandPrincipal("my-older/ns/a/sa/b", names), ["my-older/ns/a/sa/b"]);
  });

  test("a name of the local trust domain in trustDomains means all, a pattern itself", () => {
    assert.deepEqual(expandTrustDomain("td2", NAMES), ["td1", "td2"]);
    assert.deepEqual(expandTrustDomain("td*", NAMES), ["td*"]);
    assert.deepEqual(expandTrustDomain("cluster.local", NAMES), ["cluster.local"]);
  });
});
