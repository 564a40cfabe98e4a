import { describe, expect, test } from "bun:test";
import { formatFinding } from "@symbolon/policy";
import { parseRules } from "../../../../test/fakes/manifests.ts";
import { parseIpv4Range } from "../mesh/index.ts";
import { checkManifests } from "./check-manifests.ts";
import { POLICY_LIMITS } from "./policy-limits.ts";

const rules = {
  manifests: parseRules,
  rootNamespace: "istio-system",
  trustDomain: "cluster.local",
  serviceRange: parseIpv4Range("10.96.0.0/29"),
  now: new Date("2026-01-01T00:00:00Z"),
};

const aboveLimit = (...documents: readonly string[]): readonly string[] =>
  checkManifests({ files: [{ file: "f.yaml", text: documents.join("---\n") }], problems: [] }, rules)
    .map((finding) => formatFinding(finding))
    .filter((line) => line.includes("SYM2307"));

const NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: foo}\n";
const pod = (name: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: foo, labels: {app: ${name}}}\nspec: {containers: [{name: c, image: i}]}\n`;
const policy = (name: string, spec: string, namespace = "foo") =>
  `apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
const many = (count: number, spec: string, namespace?: string): readonly string[] =>
  Array.from({ length: count }, (_, index) => policy(`p${index}`, spec, namespace));

describe("limits of policies (SR-50)", () => {
  test("a policy of 64 KiB is taken, one byte more is refused with its place", () => {
    const withPath = (length: number) =>
      aboveLimit(NAMESPACE, policy("large", `{rules: [{to: [{operation: {paths: ["/${"a".repeat(length)}"]}}]}]}`));
    const [first = ""] = withPath(POLICY_LIMITS.policyBytes);
    const overhead = Number(/has (\d+) bytes/.exec(first)?.[1]) - POLICY_LIMITS.policyBytes;
    expect(withPath(POLICY_LIMITS.policyBytes - overhead)).toEqual([]);
    expect(withPath(POLICY_LIMITS.policyBytes - overhead + 1)).toEqual([
      "f.yaml:8:7: error SYM2307 spec: AuthorizationPolicy foo/large has 65537 bytes; a policy has at most 65536",
    ]);
  });

  test("1,000 policies of one workload are taken, one more is refused; of its namespace and of the root namespace together", () => {
    const limit = POLICY_LIMITS.policiesPerWorkload;
    expect(limit).toBe(1000);
    expect(aboveLimit(NAMESPACE, pod("web"), ...many(limit, "{}"))).toEqual([]);
    expect(aboveLimit(NAMESPACE, pod("web"), ...many(limit, "{}"), policy("root", "{}", "istio-system"))).toEqual([
      expect.stringContaining("Pod foo/web has 1001 AuthorizationPolicies; a workload has at most 1000"),
    ]);
  });

  test("those of other workloads do not count", () => {
    const selecting = (app: string) => `{selector: {matchLabels: {app: ${app}}}}`;
    const documents = [NAMESPACE, pod("web"), ...many(1000, selecting("web")), policy("more", selecting("db"))];
    expect(aboveLimit(...documents)).toEqual([]);
  });
});
