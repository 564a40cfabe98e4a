import { describe, expect, test } from "bun:test";
import type { PlaintextCaller } from "../telemetry/index.ts";
import { readPolicySet } from "./policy-set/policy-set.ts";
import type { PolicySource } from "./policy-set/policy-source.ts";
import { planStrict, strictPlanText } from "./strict-plan.ts";

const SINCE = new Date("2026-01-01T00:00:00Z");

const deployment = (namespace: string, name: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: ${namespace}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec: {containers: [{name: c, image: i, ports: [{containerPort: 8080}]}]}
---`;
const MESH = `
apiVersion: v1
kind: Namespace
metadata: {name: foo, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bar}
---${deployment("foo", "httpbin")}${deployment("foo", "legacy")}${deployment("foo", "curl")}${deployment("bar", "curl")}
apiVersion: v1
kind: Service
metadata: {name: httpbin, namespace: foo}
spec: {selector: {app: httpbin}, ports: [{name: http, port: 80, targetPort: 8080}]}
---`;

function sourceOf(policies = ""): PolicySource {
  const set = readPolicySet([{ file: "m.yaml", text: `${MESH}${policies}` }], "default");
  expect(set.findings.filter(({ severity }) => severity === "error")).toEqual([]);
  return { set, origin: "mesh", trustDomain: "cluster.local", trustDomainAliases: [], rootNamespace: "istio-system" };
}

const caller = (changes: Partial<PlaintextCaller> = {}): PlaintextCaller => ({
  namespace: "foo",
  workload: "Deployment httpbin",
  port: 8080,
  caller: "Deployment bar/curl",
  refused: false,
  count: 3,
  firstSeen: "2026-01-01T00:00:00.000Z",
  lastSeen: "2026-01-01T00:00:00.000Z",
  ...changes,
});
const plan = (policies: string, callers: readonly PlaintextCaller[]) =>
  planStrict("foo", sourceOf(policies), { callers, since: SINCE });
const policy = (name: string, spec: string) => `
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${name}, namespace: foo}
spec: ${spec}
---`;

describe("the way to STRICT", () => {
  test("with nobody in plaintext is a policy of the namespace", () => {
    const { workloads, breaking, manifest } = plan("", []);
    expect(workloads[0]).toEqual({ workload: "Deployment httpbin", current: "PERMISSIVE", planned: "STRICT" });
    expect(breaking).toEqual([]);
    expect(manifest?.metadata).toEqual({ name: "default", namespace: "foo" });
  });

  test("names a caller that would be refused, and what it lacks", () => {
    const { breaking } = plan("", [
      caller(),
      caller({ caller: "10.0.0.9" }),
      caller({ caller: "Deployment foo/curl" }),
    ]);
    expect(breaking.map(({ fix }) => fix)).toEqual([
      "give it a sidecar: label namespace bar with istio-injection=enabled",
      expect.stringContaining("it is not of the mesh"),
      expect.stringContaining("it has a sidecar and yet came in plaintext"),
    ]);
  });

  test("does not count a caller that is refused already, or was seen before the window", () => {
    const { breaking } = plan("", [caller({ refused: true }), caller({ lastSeen: "2025-12-31T23:59:59.999Z" })]);
    expect(breaking).toEqual([]);
  });

  test("leaves what a policy of a workload or a port decides, and its callers, alone", () => {
    const keep = policy("legacy", "{selector: {matchLabels: {app: legacy}}, mtls: {mode: PERMISSIVE}}");
    const port =
      "{selector: {matchLabels: {app: httpbin}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}}}";
    const { workloads, breaking } = plan(`${keep}${policy("port", port)}`, [
      caller(),
      caller({ workload: "Deployment legacy" }),
      caller({ workload: "Deployment curl", port: 9999 }),
    ]);
    expect(workloads.map(({ planned }) => planned)).toEqual([
      "STRICT, DISABLE stays (PeerAuthentication port of the port)",
      "PERMISSIVE stays (PeerAuthentication legacy of the workload)",
      "STRICT",
    ]);
    expect(breaking.map(({ workload }) => workload)).toEqual(["Deployment curl"]);
  });

  test("changes the policy that the namespace has, whatever its name", () => {
    expect(plan(policy("ours", "{mtls: {mode: PERMISSIVE}}"), []).manifest?.metadata.name).toBe("ours");
  });

  test("has nothing to do when everything is STRICT", () => {
    const done = plan(policy("default", "{mtls: {mode: STRICT}}"), [caller({ refused: true })]);
    expect(done.manifest).toBeUndefined();
    expect(strictPlanText(done)).toContain("nothing to do");
  });

  test("in a namespace without sidecars has nothing to require", () => {
    const bar = planStrict("bar", sourceOf(), { callers: [], since: SINCE });
    expect(bar.workloads[0]?.planned).toContain("nothing is enforced");
    expect(bar.manifest).toBeUndefined();
    expect(strictPlanText(bar)).toEndWith(
      "nothing to do: no workload has a sidecar, which alone enforces mutual TLS: label namespace bar with istio-injection=enabled\n",
    );
  });
});
