import { describe, expect, test } from "bun:test";
import {
  type AuthorizationPolicy,
  compileAuthorization,
  createExplainer,
  parseAuthorizationPolicy,
  parseEnvelope,
  requireParsed,
} from "@symbolon/policy";
import { parseYamlDocuments } from "@symbolon/policy/yaml";
import { missingFacts } from "./access-question.ts";
import { judgeRules, neededFacts } from "./judge-rules.ts";

const ITEMS = {
  yes: 'methods: ["GET"]',
  no: 'methods: ["POST"]',
  open: 'hosts: ["a.example"]',
  openNot: 'notHosts: ["a.example"]',
} as const;
type Item = keyof typeof ITEMS;

function policy(name: string, action: string, ...rules: readonly (readonly Item[])[]): string {
  const texts = rules.map((items) => `{to: [{operation: {${items.map((item) => ITEMS[item]).join(", ")}}}]}`);
  return `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: foo}\nspec: {action: ${action}, rules: [${texts.join(", ")}]}\n`;
}

function parse(...texts: readonly string[]): readonly AuthorizationPolicy[] {
  return parseYamlDocuments(texts.join("---\n"), "f.yaml").documents.map((node) =>
    requireParsed(parseAuthorizationPolicy(requireParsed(parseEnvelope(node)))),
  );
}

const OPTIONS = { trustDomain: "cluster.local" };
const CONNECTION = { sourceAddress: "10.0.0.1", destinationAddress: "10.0.0.2", destinationPort: 80 };
const request = (host: string) => ({ method: "GET", path: "/", host, headers: new Map() });
const MISSING = missingFacts({
  plaintext: false,
  to: { namespace: "foo", name: "web" },
  request: request("made-up.example"),
  isHostGiven: false,
  sourceAddress: "10.0.0.1",
});

function judge(...texts: readonly string[]) {
  const policies = parse(...texts);
  const explanation = createExplainer(policies, OPTIONS).explain({ connection: CONNECTION, request: request("") });
  expect(neededFacts(explanation, MISSING).map(({ standIn }) => standIn)).toEqual(["made-up.example"]);
  const { outcome, by } = judgeRules(explanation, MISSING);
  return `${outcome} ${by ? `${by.policy.name}[${by.ruleIndex}]` : "-"}`;
}

describe("a decision without the host", () => {
  test("is made when the host cannot change it", () => {
    expect(judge(policy("d", "DENY", ["open"], ["yes"]))).toBe("deny d[1]");
    expect(judge(policy("a", "ALLOW", ["open"], ["yes"]))).toBe("allow a[1]");
    expect(judge(policy("a", "ALLOW", ["no", "open"]))).toBe("deny -");
    expect(judge(policy("d", "DENY", ["no", "openNot"]))).toBe("allow -");
    expect(judge(policy("d", "DENY", ["open"]), policy("a", "ALLOW", ["no"]))).toBe("deny -");
  });

  test("is none when it can, and names the rule that it depends on", () => {
    expect(judge(policy("d", "DENY", ["open"]))).toBe("unknown d[0]");
    expect(judge(policy("d", "DENY", ["no"], ["yes", "openNot"]))).toBe("unknown d[1]");
    expect(judge(policy("a", "ALLOW", ["open"]))).toBe("unknown a[0]");
    expect(judge(policy("d", "DENY", ["open"]), policy("a", "ALLOW", ["yes"]))).toBe("unknown d[0]");
  });

  test("is never another one than the engine's, whatever the host turns out to be", () => {
    const rules = [
      ["yes"],
      ["no"],
      ["open"],
      ["openNot"],
      ["yes", "open"],
      ["no", "open"],
      ["yes", "openNot"],
    ] as const;
    const seen = new Set<string>();
    for (const deny of [undefined, ...rules])
      for (const allow of [undefined, ...rules])
        for (const second of [undefined, ...rules]) {
          const texts = [
            ...(deny ? [policy("d", "DENY", deny)] : []),
            ...(allow ? [policy("a", "ALLOW", allow, ...(second ? [second] : []))] : []),
          ];
          if (texts.length === 0) continue;
          const policies = parse(...texts);
          const explanation = createExplainer(policies, OPTIONS).explain({
            connection: CONNECTION,
            request: request(""),
          });
          const { outcome } = judgeRules(explanation, MISSING);
          const connection = compileAuthorization(policies, OPTIONS).connection(CONNECTION);
          const real = new Set(["a.example", "b.example"].map((host) => connection.decide(request(host)).outcome));
          seen.add(outcome);
          if (outcome !== "unknown") expect({ texts, real: [...real] }).toEqual({ texts, real: [outcome] });
        }
    expect([...seen].sort()).toEqual(["allow", "deny", "unknown"]);
  });
});
