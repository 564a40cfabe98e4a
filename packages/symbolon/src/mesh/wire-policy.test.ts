import { describe, expect, test } from "bun:test";
import { compileAuthorization, decide, parseAuthorizationPolicy, parseEnvelope, requireParsed } from "@symbolon/policy";
import { parseYamlDocuments } from "@symbolon/policy/yaml";
import { buildPolicy } from "../../../../test/oracle/build-policy.ts";
import { SeededRandom } from "../../../../test/oracle/random.ts";
import { randomCase, randomConnection, randomRequest } from "../../../../test/oracle/random-case.ts";
import { policyFromWire, policyToWire, type WirePolicy } from "./wire-policy.ts";

/** There and back over JSON. */
const carried = (policy: Parameters<typeof policyToWire>[0]) =>
  policyFromWire(JSON.parse(JSON.stringify(policyToWire(policy))) as WirePolicy);

describe("a policy on its way to a proxy", () => {
  test("has the shape of its YAML, without places, selector and times", () => {
    const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: foo, creationTimestamp: "2026-01-01T00:00:00Z", annotations: {istio.io/dry-run: "true"}}
spec:
  selector: {matchLabels: {app: web}}
  action: DENY
  rules:
  - from: [{source: {principals: [x], notNamespaces: [bar, baz]}}]
    to: [{operation: {ports: ["80"]}}]
    when: [{key: "request.headers[a]", values: [b], notValues: [c]}]
  - {}
`;
    const [document] = parseYamlDocuments(text, "f.yaml").documents;
    if (!document) throw new Error("no document");
    const policy = requireParsed(parseAuthorizationPolicy(requireParsed(parseEnvelope(document))));
    expect(policyToWire(policy)).toEqual({
      namespace: "foo",
      name: "a",
      action: "deny",
      dryRun: true,
      rules: [
        {
          from: [{ principals: ["x"], notNamespaces: ["bar", "baz"] }],
          to: [{ ports: ["80"] }],
          when: [{ key: "request.headers[a]", values: ["b"], notValues: ["c"] }],
        },
        {},
      ],
    });
    expect(policyToWire(carried(policy))).toEqual(policyToWire(policy));
  });

  test("decides there as it does here, on 500 random sets", () => {
    const random = new SeededRandom(6);
    for (let number = 0; number < 500; number++) {
      const drawn = randomCase(random);
      const policies = drawn.policies.filter(({ action }) => action !== "custom").map(buildPolicy);
      const connection = randomConnection(random);
      const request = random.chance(0.8) ? randomRequest(random) : undefined;
      const [here, there] = [policies, policies.map(carried)].map((each) =>
        decide(compileAuthorization(each, drawn.options).connection(connection), request),
      );
      expect(there).toEqual(here as NonNullable<typeof here>);
    }
  });

  const rule = {
    from: [{ principals: ["a"] }],
    to: [{ paths: ["/a"] }],
    when: [{ key: "source.ip", values: ["::1"] }],
  };
  const policy = { namespace: "foo", name: "a", action: "allow", rules: [rule] };
  const taken = (text: object) => policyFromWire(text as WirePolicy);

  test("is refused when it has anything that this version does not know, which would open what is closed (CV-35)", () => {
    expect(taken(policy).rules).toHaveLength(1);
    for (const later of [
      { ...policy, action: "limit" },
      { ...policy, enforcement: "partial" },
      { ...policy, rules: [rule, { ...rule, unless: [] }] },
      { ...policy, rules: [{ from: [{ regions: ["eu"] }] }] },
      { ...policy, rules: [{ from: [{ principals: ["a"], notRegions: ["eu"] }] }] },
      { ...policy, rules: [{ to: [{ paths: ["/a"], grpcMethods: ["x"] }] }] },
      { ...policy, rules: [{ when: [{ key: "source.ip", values: ["::1"], ranges: ["x"] }] }] },
      // Of the other kind of item, and what every object has.
      { ...policy, rules: [{ to: [{ principals: ["a"] }] }] },
      { ...policy, rules: [{ from: [{ toString: ["a"] }] }] },
      JSON.parse('{"namespace":"foo","name":"a","action":"allow","rules":[{"from":[{"__proto__":["a"]}]}]}'),
    ])
      expect(() => taken(later)).toThrow("this version does not know");
  });
});
