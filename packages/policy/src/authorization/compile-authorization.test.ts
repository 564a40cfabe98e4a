import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildPolicy, type PolicyText, type RuleText } from "../../../../test/oracle/build-policy.ts";
import type { ConnectionAttributes, RequestAttributes } from "../attributes.ts";
import { type AuthorizationOptions, compileAuthorization, type Decision, decide, decisionText } from "./index.ts";

const CURL: ConnectionAttributes = {
  peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl",
  sourceAddress: "10.0.0.1",
  destinationAddress: "10.0.0.9",
  destinationPort: 8080,
};
const { peerSpiffeId: _, ...PLAINTEXT } = CURL;
const GET: RequestAttributes = { method: "GET", path: "/headers", host: "httpbin", headers: new Map() };
const OPTIONS: AuthorizationOptions = { trustDomain: "cluster.local" };

function decisionOf(
  policies: readonly PolicyText[],
  connection: Partial<ConnectionAttributes> = {},
  request: Partial<RequestAttributes> | "tcp" = {},
  options: Partial<AuthorizationOptions> = {},
): Decision {
  const compiled = compileAuthorization(policies.map(buildPolicy), { ...OPTIONS, ...options });
  const prepared = compiled.connection({ ...CURL, ...connection });
  return decide(prepared, request === "tcp" ? undefined : { ...GET, ...request });
}
const brief = ({ outcome, reason, by }: Decision) => [outcome, reason, ...(by ? [by.policyId] : [])].join(" ");
const allow = (...rules: RuleText[]): PolicyText => ({ name: "a", action: "allow", rules });
const deny = (...rules: RuleText[]): PolicyText => ({ name: "d", action: "deny", rules });

describe("the order of evaluation (istio-security §3.3)", () => {
  const everything: RuleText = {};
  const nothing: RuleText = { to: [{ methods: ["NONE"] }] };
  for (const [what, policies, wanted] of [
    ["no policy allows", [], "allow no_allow_policy"],
    ["a DENY that does not match allows", [deny(nothing)], "allow no_allow_policy"],
    ["an ALLOW that does not match denies", [allow(nothing)], "deny no_allow_rule_matched"],
    [
      "an ALLOW that matches allows",
      [allow(nothing, everything)],
      "allow allow_rule_matched ns[foo]-policy[a]-rule[1]",
    ],
    [
      "DENY comes before ALLOW",
      [allow(everything), deny(everything)],
      "deny deny_rule_matched ns[foo]-policy[d]-rule[0]",
    ],
    ["an ALLOW without rules denies all", [allow()], "deny no_allow_rule_matched"],
    ["a DENY without rules does nothing", [deny()], "allow no_allow_policy"],
    [
      "an ALLOW of another namespace widens this one",
      [allow(nothing), { namespace: "istio-system", name: "root", rules: [everything] }],
      "allow allow_rule_matched ns[istio-system]-policy[root]-rule[0]",
    ],
    [
      "CUSTOM comes before DENY",
      [deny(everything), { name: "c", action: "custom", provider: "opa", rules: [everything] }],
      "ask_provider custom_rule_matched istio-ext-authz-opa-ns[foo]-policy[c]-rule[0]",
    ],
    [
      "a CUSTOM that does not match asks nobody",
      [{ name: "c", action: "custom", provider: "opa", rules: [nothing] }],
      "allow no_allow_policy",
    ],
    ["AUDIT never decides", [{ action: "audit", rules: [everything] }], "allow no_allow_policy"],
  ] as const satisfies readonly (readonly [string, readonly PolicyText[], string])[])
    test(what, () => assert.equal(brief(decisionOf(policies)), wanted));

  test("the deciding rule is the first by policy id, whatever the order of the policies", () => {
    const policies = ["b", "a", "c"].map((name) => ({ name, rules: [nothing, everything, everything] }));
    assert.equal(decisionOf(policies).by?.policyId, "ns[foo]-policy[a]-rule[1]");
    assert.equal(decisionOf(policies.toReversed()).by?.policyId, "ns[foo]-policy[a]-rule[1]");
  });

  test("a decision that is made again is the same frozen object", () => {
    const connection = compileAuthorization([buildPolicy(allow({ to: [{ methods: ["GET"] }] }))], OPTIONS).connection(
      CURL,
    );
    const decision = connection.decide(GET);
    assert.equal(connection.decide({ ...GET, path: "/other" }), decision);
    assert.ok(Object.isFrozen(decision) && Object.isFrozen(decision.by));
    assert.equal(connection.decide({ ...GET, method: "PUT" }).outcome, "deny");
  });
});

describe("the boolean structure (istio-security §3.2)", () => {
  const outcome = (rule: RuleText, connection = {}, request = {}) =>
    decisionOf([allow(rule)], connection, request).outcome;

  test("two fields of one source are AND, two sources are OR: one dash changes the meaning", () => {
    const and = { from: [{ namespaces: ["foo"], ipBlocks: ["10.9.0.0/16"] }] };
    const or = { from: [{ namespaces: ["foo"] }, { ipBlocks: ["10.9.0.0/16"] }] };
    assert.deepEqual([outcome(and), outcome(or)], ["deny", "allow"]);
  });

  test("from, to and every condition are AND", () => {
    const rule = (key: string, value: string) => ({
      from: [{ namespaces: ["foo"] }],
      to: [{ methods: ["GET"] }],
      when: [
        { key: "destination.port", values: ["8080"] },
        { key, values: [value] },
      ],
    });
    assert.equal(outcome(rule("source.ip", "10.0.0.1")), "allow");
    assert.equal(outcome(rule("source.ip", "10.0.0.2")), "deny");
    assert.equal(outcome(rule("source.ip", "10.0.0.1"), {}, { method: "PUT" }), "deny");
  });

  test("a field and its negation are AND", () => {
    const rule = { to: [{ paths: ["/a*"], notPaths: ["/a/b"] }] };
    assert.equal(outcome(rule, {}, { path: "/a/c" }), "allow");
    assert.equal(outcome(rule, {}, { path: "/a/b" }), "deny");
    assert.equal(outcome(rule, {}, { path: "/c" }), "deny");
  });

  test("an identity that is not there matches no value, and every negation", () => {
    const decisions = [
      "principals",
      "notPrincipals",
      "namespaces",
      "notNamespaces",
      "serviceAccounts",
      "notServiceAccounts",
      "trustDomains",
      "notTrustDomains",
    ].map((field) => {
      const compiled = compileAuthorization([buildPolicy(allow({ from: [{ [field]: ["curl"] }] }))], OPTIONS);
      return compiled.connection(PLAINTEXT).decide(GET).outcome;
    });
    assert.deepEqual(decisions, ["deny", "allow", "deny", "allow", "deny", "allow", "deny", "allow"]);
  });

  test("a token that is not there matches no value, and every negation", () => {
    const when = (key: string, part: "values" | "notValues") => ({ when: [{ key, [part]: ["*"] }] });
    for (const key of [
      "request.auth.principal",
      "request.auth.audiences",
      "request.auth.presenter",
      "request.auth.claims[a]",
    ]) {
      assert.equal(outcome(when(key, "values")), "deny");
      assert.equal(outcome(when(key, "notValues")), "allow");
    }
    assert.equal(outcome(when("request.auth.principal", "values"), {}, { claims: { iss: "i", sub: "s" } }), "allow");
  });
});

describe("values of a request", () => {
  const allows = (rule: RuleText, request: Partial<RequestAttributes>) =>
    decisionOf([allow(rule)], {}, request).outcome === "allow";
  const hosts = (...values: string[]) => ({ to: [{ hosts: values }] });
  const paths = (...values: string[]) => ({ to: [{ paths: values }] });

  test("hosts are compared without regard to case, with the port if there is one", () => {
    assert.ok(allows(hosts("Foo.com"), { host: "fOO.com" }));
    assert.ok(!allows(hosts("foo.com"), { host: "foo.com:80" }));
    assert.ok(allows(hosts("foo.com", "foo.com:*"), { host: "foo.com:80" }));
  });

  test("paths are compared after normalisation, with their case, without query and fragment", () => {
    assert.ok(allows(paths("/admin"), { path: "/x/../%61dmin?y#z" }));
    assert.ok(!allows(paths("/admin"), { path: "/Admin" }));
    assert.ok(!allows(paths("/admin"), { path: "/admin;a=b" }));
    assert.ok(!allows(paths("/admin*"), { path: "/x?/admin" }));
    assert.ok(allows(paths("/users/{*}/keys"), { path: "/users/alice/keys" }));
    assert.ok(!allows(paths("/users/{*}/keys"), { path: "/users/alice/x/keys" }));
  });

  test("a path that no server may be given is refused before any rule", () => {
    assert.equal(brief(decisionOf([allow({})], {}, { path: "/a%00" })), "deny path_refused");
    assert.equal(decisionOf([], {}, { path: "/a%00" }).outcome, "deny");
    assert.equal(decisionOf([allow({})], {}, { path: "/a%00" }, { pathNormalization: "none" }).outcome, "allow");
  });

  test("each line of a repeated header is a value of its own, as measured on Envoy 1.40", () => {
    const role = (part: "values" | "notValues", value: string) => ({
      when: [{ key: "request.headers[X-Role]", [part]: [value] }],
    });
    const lines = (...values: string[]) => ({ headers: new Map([["x-role", values]]) });
    for (const both of [lines("user", "admin"), lines("admin", "user")]) {
      assert.ok(allows(role("values", "user"), both));
      assert.ok(allows(role("values", "admin"), both));
      assert.ok(!allows(role("notValues", "admin"), both));
    }
    assert.ok(!allows(role("values", "user"), lines("user,admin")));
    assert.ok(!allows(role("values", "admin"), lines("user,admin")));
    assert.ok(!allows(role("values", "*"), {}));
    assert.ok(allows(role("notValues", "*"), {}));
    assert.ok(allows(role("values", "*"), lines("")));
    assert.ok(!allows(role("values", "user"), lines("")));
  });
});

describe("TCP (istio-security §3.9)", () => {
  test("an ALLOW rule with anything of HTTP is gone as a whole, and still denies the rest", () => {
    const rule = { to: [{ ports: ["8080"] }, { ports: ["8080"], methods: ["GET"] }] };
    assert.equal(brief(decisionOf([allow(rule)], {}, "tcp")), "deny no_allow_rule_matched");
    assert.equal(decisionOf([allow(rule, { to: [{ ports: ["8080"] }] })], {}, "tcp").by?.ruleIndex, 1);
  });

  test("of a DENY rule only the items of HTTP are gone; if nothing remains it denies everything", () => {
    assert.equal(decisionOf([deny({ to: [{ paths: ["/admin"] }] })], {}, "tcp").outcome, "deny");
    assert.equal(decisionOf([deny({ to: [{ paths: ["/admin"] }] })], {}, { path: "/public" }).outcome, "allow");
    assert.equal(decisionOf([deny({ to: [{ paths: ["/admin"], ports: ["9090"] }] })], {}, "tcp").outcome, "allow");
    assert.equal(decisionOf([deny({ to: [{ paths: ["/admin"], ports: ["8080"] }] })], {}, "tcp").outcome, "deny");
    assert.equal(decisionOf([deny({ from: [{ notRequestPrincipals: ["*"] }] })], {}, "tcp").outcome, "deny");
  });

  test("what needs no HTTP decides as it does with HTTP", () => {
    const policies = [allow({ from: [{ principals: ["cluster.local/ns/foo/sa/curl"] }] })];
    assert.equal(decisionOf(policies, {}, "tcp").outcome, "allow");
    assert.equal(
      decisionOf(policies, { peerSpiffeId: "spiffe://cluster.local/ns/foo/sa/curl2" }, "tcp").outcome,
      "deny",
    );
  });
});

describe("CUSTOM (istio-security §3.10)", () => {
  const custom = (provider: string, name = provider): PolicyText => ({ name, action: "custom", provider, rules: [{}] });
  const providers = new Map([["opa", "grpc"] as const, ["ext", "http"] as const]);

  test("several providers deny by default, and are asked in order of their names when allowed", () => {
    const policies = [custom("opa"), custom("ext")];
    assert.equal(
      brief(decisionOf(policies)),
      "deny several_providers ns[foo]-policy[ext]-rule[0]-deny-due-to-bad-CUSTOM-action",
    );
    const decision = decisionOf(policies, {}, {}, { allowSeveralProviders: true, providers });
    assert.ok(decision.outcome === "ask_provider");
    assert.deepEqual(
      decision.asks.map(({ provider }) => provider),
      ["ext", "opa"],
    );
  });

  test("a provider that is not configured denies what matches", () => {
    assert.equal(decisionOf([custom("gone")], {}, {}, { providers }).reason, "provider_missing");
    assert.equal(
      decisionOf([{ ...custom("gone"), rules: [{ to: [{ methods: ["PUT"] }] }] }], {}, {}, { providers }).outcome,
      "allow",
    );
  });

  test("an HTTP provider is not asked for TCP, a gRPC provider is", () => {
    assert.equal(decisionOf([custom("ext")], {}, "tcp", { providers }).outcome, "allow");
    assert.equal(decisionOf([custom("opa")], {}, "tcp", { providers }).outcome, "ask_provider");
  });

  test("when the providers agree, the rest decides", () => {
    const compiled = compileAuthorization(
      [buildPolicy(custom("opa")), buildPolicy(deny({ to: [{ methods: ["PUT"] }] }))],
      OPTIONS,
    );
    const connection = compiled.connection(CURL);
    assert.equal(connection.decide({ ...GET, method: "PUT" }).outcome, "ask_provider");
    assert.equal(connection.decideAfterProviders({ ...GET, method: "PUT" }).outcome, "deny");
    assert.equal(connection.decideAfterProviders(GET).outcome, "allow");
  });
});

describe("AUDIT and dry run", () => {
  const get: RuleText = { to: [{ methods: ["GET"] }] };

  test("a matching AUDIT rule marks the decision, an allowing and a denying one", () => {
    const audit: PolicyText = { name: "x", action: "audit", rules: [get] };
    assert.equal(decisionOf([audit]).audit, true);
    assert.equal(decisionOf([audit, deny({})]).audit, true);
    assert.equal(decisionOf([audit], {}, { method: "PUT" }).audit, false);
  });

  test("a dry-run policy reports and does not decide; a dry-run ALLOW does not count as ALLOW", () => {
    const dryRun = (policy: PolicyText): PolicyText => ({ ...policy, dryRun: true });
    const denied = decisionOf([dryRun(deny(get))]);
    assert.equal(brief(denied), "allow no_allow_policy");
    assert.equal(denied.shadow?.deny?.result, "denied");
    assert.equal(denied.shadow?.deny?.by?.policyId, "ns[foo]-policy[d]-rule[0]");
    const put = decisionOf([dryRun(allow(get))], {}, { method: "PUT" });
    assert.equal(put.outcome, "allow");
    assert.deepEqual(put.shadow, { allow: { result: "denied" } });
    assert.equal(decisionOf([dryRun(allow())]).shadow?.allow?.result, "denied");
  });

  test("a dry-run ALLOW is not looked at when a DENY refuses, as in Istio's proxy", () => {
    const decision = decisionOf([{ ...allow(get), dryRun: true }, deny(get)]);
    assert.deepEqual(decision.shadow, {});
  });
});

describe("trust domains", () => {
  test("cluster.local in a policy is the local trust domain, whatever it is called", () => {
    const policies = [allow({ from: [{ principals: ["cluster.local/ns/foo/sa/curl"] }] })];
    const from = (domain: string, options: Partial<AuthorizationOptions>) =>
      decisionOf(policies, { peerSpiffeId: `spiffe://${domain}/ns/foo/sa/curl` }, {}, options).outcome;
    assert.equal(from("td1", { trustDomain: "td1" }), "allow");
    assert.equal(from("old", { trustDomain: "td1", trustDomainAliases: ["old"] }), "allow");
    assert.equal(from("cluster.local", { trustDomain: "td1" }), "deny");
    assert.equal(from("td2", { trustDomain: "td1" }), "deny");
  });
});

describe("a policy that the parser would have refused", () => {
  for (const [what, rule] of [
    ["an unknown condition", { when: [{ key: "source.color", values: ["red"] }] }],
    ["a bad address", { from: [{ ipBlocks: ["10.0.0.0/33"] }] }],
  ] as const)
    test(`is not compiled: ${what}`, () => {
      assert.throws(() => compileAuthorization([buildPolicy(allow(rule))], OPTIONS), { code: "ERR_POLICY_INVALID" });
    });
});

test("a decision in words names the rule, or says why there is none", () => {
  assert.equal(decisionText(decisionOf([])), "allowed: no ALLOW policy applies to this workload");
  assert.equal(decisionText(decisionOf([deny({})])), "denied by ns[foo]-policy[d]-rule[0]");
  assert.match(decisionText(decisionOf([allow()])), /none of their rules matched/);
});
