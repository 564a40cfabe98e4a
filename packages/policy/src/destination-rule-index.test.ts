import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DestinationRule } from "./destination-rule.ts";
import { clientTlsOf } from "./destination-rule.ts";
import { createDestinationRuleIndex } from "./destination-rule-index.ts";
import { parseEnvelope } from "./object-envelope.ts";
import { parseDestinationRule } from "./parse-destination-rule.ts";
import { requireParsed } from "./require-parsed.ts";
import { parseYamlDocuments } from "./yaml/index.ts";

const SERVICE = { hostname: "reviews.shop.svc.cluster.local", namespace: "shop" };

/** One rule a line: "namespace/name @seconds {spec}". */
function rules(...lines: readonly string[]): DestinationRule[] {
  return lines.map((line) => {
    const [, namespace, name, seconds = "00", spec] = /^(\S+)\/(\S+)(?: @(\d\d))? (\{.*)$/.exec(line) ?? [];
    const text = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {namespace: ${namespace}, name: ${name}, creationTimestamp: "2026-01-01T00:00:${seconds}Z"}
spec: ${spec}`;
    const [node] = parseYamlDocuments(text, "f.yaml").documents;
    assert.ok(node, text);
    return requireParsed(parseDestinationRule(requireParsed(parseEnvelope(node))));
  });
}

function found(lines: readonly string[], client = "shop", labels: Readonly<Record<string, string>> = {}) {
  return createDestinationRuleIndex(rules(...lines), { rootNamespace: "root" }).find(
    { namespace: client, labels },
    SERVICE,
  );
}

describe("DestinationRule lookup", () => {
  test("the client's namespace comes before the service's, and that before the root namespace", () => {
    const all = ["web", "shop", "root"].map((namespace) => `${namespace}/r {host: "${SERVICE.hostname}"}`);
    assert.equal(found(all, "web")?.namespace, "web");
    assert.equal(found(all.slice(1), "web")?.namespace, "shop");
    assert.equal(found(all.slice(2), "web")?.namespace, "root");
    assert.equal(found(all.slice(0, 1), "elsewhere"), undefined);
  });

  test("a short host is of the rule's namespace; a host with a dot is complete", () => {
    assert.equal(found(["shop/r {host: reviews}"])?.name, "r");
    assert.equal(found(["web/r {host: reviews}"], "web"), undefined);
    assert.equal(found(["web/r {host: reviews.shop}"], "web"), undefined);
    assert.equal(found(["shop/r {host: REVIEWS.shop.svc.cluster.local.}"])?.name, "r");
  });

  test("the most specific host counts, an exact one before every wildcard", () => {
    const wild = ['shop/any {host: "*"}', 'shop/all {host: "*.local"}', 'shop/near {host: "*.shop.svc.cluster.local"}'];
    assert.equal(found(wild)?.name, "near");
    assert.equal(found([...wild, "shop/exact @09 {host: reviews}"])?.name, "exact");
    assert.equal(found(wild.slice(0, 1))?.name, "any");
    // Nearest miss: the wildcard stands for something.
    assert.equal(found([`shop/longer {host: "*.${SERVICE.hostname}"}`]), undefined);
  });

  test("exportTo hides a rule from other namespaces", () => {
    assert.equal(found(['shop/r {host: reviews, exportTo: ["."]}'], "shop")?.name, "r");
    assert.equal(found(['shop/r {host: reviews, exportTo: ["."]}'], "web"), undefined);
    assert.equal(found(["shop/r {host: reviews, exportTo: [web]}"], "web")?.name, "r");
    assert.equal(found(["shop/r {host: reviews, exportTo: [web]}"], "web2"), undefined);
  });

  test("a rule with a selector is for its clients alone, and comes before one without", () => {
    const lines = [
      "web/all @01 {host: reviews.shop.svc.cluster.local}",
      "web/some @02 {host: reviews.shop.svc.cluster.local, workloadSelector: {matchLabels: {app: a}}}",
    ];
    assert.equal(found(lines, "web", { app: "a" })?.name, "some");
    assert.equal(found(lines, "web", { app: "b" })?.name, "all");
    assert.equal(found(lines.slice(1), "web", { app: "b" }), undefined);
    assert.equal(
      found(["shop/r {host: reviews, workloadSelector: {matchLabels: {app: a}}}"], "web", { app: "a" }),
      undefined,
    );
  });

  test("rules for one host are one: the oldest traffic policy, all subsets, the first of a name", () => {
    const rule = found([
      "shop/young @03 {host: reviews, trafficPolicy: {tls: {mode: DISABLE}}, subsets: [{name: v1}, {name: v2}]}",
      "shop/old @01 {host: reviews, subsets: [{name: v1, trafficPolicy: {tls: {mode: SIMPLE}}}]}",
      "shop/middle @02 {host: reviews.shop.svc.cluster.local, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}",
    ]);
    assert.ok(rule);
    assert.equal(rule.name, "old");
    assert.equal(clientTlsOf(rule, { servicePort: 80 })?.mode, "istio-mutual");
    assert.equal(clientTlsOf(rule, { servicePort: 80, subset: "v1" })?.mode, "simple");
    assert.deepEqual(
      rule.subsets.map(({ name }) => name),
      ["v1", "v2"],
    );
  });

  test("a traffic policy without tls is one: a younger rule brings none", () => {
    const rule = found([
      "shop/old @01 {host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}}",
      "shop/young @02 {host: reviews, trafficPolicy: {tls: {mode: DISABLE}}}",
    ]);
    assert.ok(rule);
    assert.equal(clientTlsOf(rule, { servicePort: 80 }), undefined);
  });
});
