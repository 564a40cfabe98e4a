import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildPolicy, type PolicyText } from "../../../../test/oracle/build-policy.ts";
import type { ConnectionAttributes, RequestAttributes } from "../attributes.ts";
import { createExplainer, type Explanation, explanationText } from "./index.ts";

const CURL: ConnectionAttributes = {
  peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
  sourceAddress: "10.0.0.1",
  destinationAddress: "10.0.0.9",
  destinationPort: 8080,
};
const GET: RequestAttributes = { method: "GET", path: "/headers", host: "httpbin", headers: new Map() };

function explain(policies: readonly PolicyText[], request: Partial<RequestAttributes> | "tcp" = {}): Explanation {
  const explainer = createExplainer(policies.map(buildPolicy), { trustDomain: "cluster.local" });
  return explainer.explain({ connection: CURL, ...(request !== "tcp" && { request: { ...GET, ...request } }) });
}
const texts = ({ flips }: Explanation) => flips.map(({ change, outcome }) => `${outcome}: ${change.text}`);

const VIEWER: PolicyText = {
  name: "viewer",
  rules: [
    { from: [{ principals: ["cluster.local/ns/foo/sa/curl"] }], to: [{ methods: ["GET"], paths: ["/headers"] }] },
  ],
};

describe("an explanation", () => {
  test("says of every item whether it matched, what was wanted and what was there", () => {
    const { decision, policies } = explain([VIEWER], { method: "PUT" });
    assert.equal(decision.reason, "no_allow_rule_matched");
    const rule = policies[0]?.rules[0];
    assert.equal(rule?.matches, false);
    assert.deepEqual(
      [...(rule?.from ?? []), ...(rule?.to ?? [])].map(({ matches, items }) => [
        matches,
        items.map((item) => [item.field, item.matches, item.wanted, item.got]),
      ]),
      [
        [true, [["principals", true, ["cluster.local/ns/foo/sa/curl"], ["cluster.local/ns/foo/sa/curl"]]]],
        [
          false,
          [
            ["methods", false, ["GET"], ["PUT"]],
            ["paths", true, ["/headers"], ["/headers"]],
          ],
        ],
      ],
    );
  });

  test("names the rule that decides", () => {
    const { policies } = explain([VIEWER, { name: "all", rules: [{}] }]);
    assert.deepEqual(
      policies.flatMap(({ policy, rules }) => rules.filter(({ decides }) => decides).map(() => policy.name)),
      ["all"],
    );
  });

  test("asks a caller without a token for one, and a caller with one for another", () => {
    const policies = [{ name: "p", rules: [{ from: [{ requestPrincipals: ["i/s"] }] }] }];
    const change = (request: Partial<RequestAttributes>) =>
      texts(explain(policies, request)).find((text) => /"i\/s"/.test(text) && /subject/.test(text));
    assert.equal(change({}), 'allow: a token with issuer and subject "i/s"');
    const claims = { iss: "i", sub: "other" };
    assert.equal(change({ claims }), 'allow: issuer and subject "i/s" instead of "i/other"');
  });

  test("in words has one line for each item", () => {
    assert.equal(
      explanationText({ ...explain([VIEWER], { method: "PUT" }), flips: [] }),
      [
        "denied: there are ALLOW policies, and none of their rules matched",
        "ALLOW foo/viewer does not match",
        "  rule 0 does not match",
        "    ✓ from[0]",
        '      ✓ principals: wanted one of "cluster.local/ns/foo/sa/curl"; got "cluster.local/ns/foo/sa/curl", which fits "cluster.local/ns/foo/sa/curl"',
        "    ✗ to[0]",
        '      ✗ methods: wanted one of "GET"; got "PUT"',
        '      ✓ paths: wanted one of "/headers"; got "/headers", which fits "/headers"',
      ].join("\n"),
    );
  });

  test("says which items a TCP connection leaves out, and which rule is not there at all", () => {
    const denied = explain([{ name: "d", action: "deny", rules: [{ to: [{ paths: ["/admin"] }] }] }], "tcp");
    assert.equal(denied.policies[0]?.rules[0]?.to?.[0]?.items[0]?.isIgnored, true);
    assert.match(explanationText(denied), /paths: needs HTTP, and counts as if it were not there/);
    const dropped = explain([VIEWER], "tcp");
    assert.equal(dropped.policies[0]?.rules[0]?.isDropped, true);
    assert.match(explanationText(dropped), /rule 0 does not match: it asks for HTTP, and this connection is TCP/);
  });
});

describe("flips", () => {
  test("of a denied request: the request's change, and each change of the policy, the smallest first", () => {
    assert.deepEqual(texts(explain([VIEWER], { method: "PUT" })), [
      'allow: method "GET" instead of "PUT"',
      'allow: add "PUT" to rules[0].to[0].methods of ALLOW policy foo/viewer',
      "allow: remove rules[0].to[0].methods of ALLOW policy foo/viewer",
      "allow: make a dry run of ALLOW policy foo/viewer",
      "allow: remove rules[0].to of ALLOW policy foo/viewer",
      "allow: remove ALLOW policy foo/viewer",
    ]);
  });

  test("of an allowed request: what would take the permission away", () => {
    const found = texts(explain([VIEWER]));
    assert.ok(found.includes('deny: method "OTHER" (one that no policy names) instead of "GET"'));
    assert.ok(found.includes("deny: no peer identity"));
    assert.ok(found.includes("deny: remove rules[0] of ALLOW policy foo/viewer"));
    assert.ok(!found.some((text) => text.includes("remove ALLOW policy")), "without any ALLOW policy all is allowed");
  });

  test("do not call a value unnamed that a rule names", () => {
    assert.ok(
      texts(explain([{ rules: [{ to: [{ methods: ["OTHER"] }] }] }])).includes(
        'allow: method "OTHER" instead of "GET"',
      ),
    );
  });

  test("are none where two things would have to change", () => {
    const twice = { ...VIEWER, rules: [{ from: [{ namespaces: ["bar"] }], to: [{ methods: ["PUT"] }] }] };
    const found = texts(explain([twice]));
    assert.deepEqual(
      found.filter((text) => !/dry run|remove ALLOW policy/.test(text)),
      [],
    );
  });

  test("are at most twenty, and the rest is counted", () => {
    const paths = Array.from({ length: 50 }, (_, index) => `/p${index}`);
    const { flips, moreFlips } = explain([{ rules: [{ to: [{ paths }] }] }], { path: "/q" });
    assert.equal(flips.length, 20);
    assert.ok(moreFlips >= 30);
    assert.ok(flips.every(({ change }, index) => index === 0 || (flips[index - 1]?.change.size ?? 0) <= change.size));
  });

  test("do not promise that a policy could allow a path that no server may be given", () => {
    assert.deepEqual(texts(explain([{ rules: [{ to: [{ paths: ["/a"] }] }] }], { path: "/a%00" })), [
      'allow: path "/a" instead of "/a%00"',
    ]);
  });
});
