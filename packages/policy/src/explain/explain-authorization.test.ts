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
  const EVERYTHING = "everything to everybody, callers without identity among them, unless another policy stops it";

  test("of a denied request: other requests, and then each change of the policy, what opens least first, with what it opens", () => {
    assert.deepEqual(texts(explain([VIEWER], { method: "PUT" })), [
      'allow: method "GET" instead of "PUT"',
      'allow: add "PUT" to rules[0].to[0].methods of ALLOW policy foo/viewer; opens "PUT", where the rest of the rule holds',
      "allow: remove rules[0].to[0].methods of ALLOW policy foo/viewer; opens all that rules[0].to[0].methods kept out, where the rest of the rule holds",
      "allow: remove rules[0].to of ALLOW policy foo/viewer; opens all that rules[0].to kept out, where the rest of the rule holds",
      `allow: make a dry run of ALLOW policy foo/viewer; opens ${EVERYTHING}`,
      `allow: remove ALLOW policy foo/viewer; opens ${EVERYTHING}`,
    ]);
  });

  test("of a request that DENY refuses: exceptions before the end of a refusal", () => {
    const policies: readonly PolicyText[] = [
      { name: "d", action: "deny", rules: [{ to: [{ methods: ["GET", "PUT"], notPaths: ["/a"] }] }] },
      { name: "e", action: "deny", rules: [{ to: [{ methods: ["PATCH"] }] }] },
    ];
    assert.deepEqual(
      texts(explain(policies)).filter((text) => text.includes("policy foo/")),
      [
        'allow: remove "GET" from rules[0].to[0].methods of DENY policy foo/d; opens what the rule refused of "GET"',
        'allow: add "/headers" to rules[0].to[0].notPaths of DENY policy foo/d; opens what the rule refused of "/headers"',
        "allow: make a dry run of DENY policy foo/d; opens all that the policy refused",
        "allow: remove DENY policy foo/d; opens all that the policy refused",
      ],
    );
  });

  test("the policy change that opens less comes first, also when it takes more characters", () => {
    const long = "/a-path-that-takes-more-characters-than-any-other-change-of-this-policy";
    const [first] = texts(
      explain([{ name: "p", rules: [{ to: [{ methods: ["GET"], paths: ["/a"] }] }] }], { path: long }),
    ).filter((text) => text.includes("policy foo/"));
    assert.match(first ?? "", /^allow: add "\/a-path-/);
  });

  test("a rule that asks for nothing any more opens everything, another ALLOW policy that stays does not", () => {
    const rules = [{ to: [{ methods: ["PUT"] }] }];
    const opened = texts(
      explain([
        { name: "p", rules },
        { name: "q", rules },
      ]),
    );
    assert.ok(opened.includes(`allow: remove rules[0].to of ALLOW policy foo/p; opens ${EVERYTHING}`));
    assert.ok(!opened.some((text) => text.startsWith("allow: remove ALLOW policy")));
  });

  test("the end of a dry run opens what its rules allow, beside an ALLOW policy that is enforced", () => {
    const dryRun = { name: "q", dryRun: true, rules: [{ to: [{ methods: ["GET"] }] }] };
    const enforced = { name: "p", rules: [{ to: [{ methods: ["PUT"] }] }] };
    assert.ok(
      texts(explain([enforced, dryRun])).includes("allow: enforce ALLOW policy foo/q; opens all that its rules allow"),
    );
    assert.ok(texts(explain([dryRun], { method: "PUT" })).includes("deny: enforce ALLOW policy foo/q"));
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
    const kinds = flips.map(({ change }) => change.kind);
    assert.ok(kinds.indexOf("policy") >= 10, "half of them are other requests");
    assert.ok(kinds.lastIndexOf("attribute") < kinds.indexOf("policy"));
  });

  test("do not promise that a policy could allow a path that no server may be given", () => {
    assert.deepEqual(texts(explain([{ rules: [{ to: [{ paths: ["/a"] }] }] }], { path: "/a%00" })), [
      'allow: path "/a" instead of "/a%00"',
    ]);
  });
});
