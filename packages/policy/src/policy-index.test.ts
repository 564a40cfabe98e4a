import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AuthorizationPolicy } from "./authorization-policy.ts";
import { createAuthorizationPolicyIndex } from "./authorization-policy-index.ts";
import type { WaypointService } from "./policy-attachment.ts";

const GATEWAY_NAME = "gateway.networking.k8s.io/gateway-name";
const ROOT = "istio-system";

interface PolicyOptions {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly gateway?: string;
  /** "group/kind/name" */
  readonly target?: string;
  readonly created?: string;
}

function policy(namespace: string, options: PolicyOptions): AuthorizationPolicy {
  const { name, labels, gateway, created } = options;
  const position = { file: "f.yaml", line: 1, column: 1 };
  const reference =
    options.target ?? (gateway === undefined ? undefined : `gateway.networking.k8s.io/Gateway/${gateway}`);
  const [group = "", kind = "", target = ""] = reference?.split("/") ?? [];
  return {
    kind: "AuthorizationPolicy",
    namespace,
    name,
    position,
    ...(created === undefined ? {} : { creationTimestamp: new Date(created) }),
    ...(labels === undefined ? {} : { selector: { matchLabels: labels } }),
    targetRefs: reference === undefined ? [] : [{ position, group, kind, name: target }],
    action: "allow",
    dryRun: false,
    rules: [],
  };
}

const attached = (namespace: string, labels: Readonly<Record<string, string>>, ...policies: AuthorizationPolicy[]) =>
  createAuthorizationPolicyIndex(policies, ROOT)
    .attached({ namespace, labels })
    .map(({ name }) => name);

describe("which policies attach (istio-security §0.2)", () => {
  test("those of the own namespace and of the root namespace, by labels", () => {
    const policies = [
      policy("foo", { name: "wide" }),
      policy("foo", { name: "web", labels: { app: "web" } }),
      policy("bar", { name: "elsewhere" }),
      policy(ROOT, { name: "mesh" }),
      policy(ROOT, { name: "mesh-web", labels: { app: "web" } }),
      policy(ROOT, { name: "mesh-other", labels: { app: "web", version: "v2" } }),
    ];
    assert.deepEqual(attached("foo", { app: "web", version: "v1" }, ...policies), ["web", "wide", "mesh", "mesh-web"]);
    assert.deepEqual(attached("foo", {}, ...policies), ["wide", "mesh"]);
    assert.deepEqual(attached(ROOT, { app: "web" }, ...policies), ["mesh", "mesh-web"]);
    assert.deepEqual(attached("baz", {}, ...policies), ["mesh"]);
  });

  test("oldest first, then by name", () => {
    const policies = [
      policy("foo", { name: "b", created: "2026-01-01T00:00:00Z" }),
      policy("foo", { name: "c", created: "2025-01-01T00:00:00Z" }),
      policy("foo", { name: "a", created: "2026-01-01T00:00:00Z" }),
    ];
    assert.deepEqual(attached("foo", {}, ...policies), ["c", "a", "b"]);
  });

  test("a sidecar ignores target references, the pods of the gateway do not", () => {
    const gateway = policy("foo", { name: "gw", gateway: "edge" });
    assert.deepEqual(attached("foo", {}, gateway), []);
    assert.deepEqual(attached("foo", { [GATEWAY_NAME]: "edge" }, gateway), ["gw"]);
    assert.deepEqual(attached("foo", { [GATEWAY_NAME]: "other" }, gateway), []);
    assert.deepEqual(attached("bar", { [GATEWAY_NAME]: "edge" }, policy(ROOT, { name: "gw", gateway: "edge" })), []);
  });

  test("no label of a workload is inherited from an object's prototype", () => {
    assert.deepEqual(attached("foo", {}, policy("foo", { name: "p", labels: { constructor: "x" } })), []);
  });
});

describe("which policies attach to a waypoint (istio-security §0.2)", () => {
  const labels = { [GATEWAY_NAME]: "waypoint", app: "web" };
  const service: WaypointService = { registry: "Kubernetes", namespace: "foo", name: "web" };
  const names = (namespace: string, services: readonly WaypointService[] | undefined, ...all: AuthorizationPolicy[]) =>
    createAuthorizationPolicyIndex(all, ROOT)
      .attached({ namespace, labels, ...(services ? { waypointFor: services } : {}) })
      .map(({ name }) => name);
  const toService = policy("foo", { name: "svc", target: "/Service/web" });
  const toEntry = policy("foo", { name: "se", target: "networking.istio.io/ServiceEntry/web" });

  test("those that name the service, by kind, name and namespace", () => {
    assert.deepEqual(names("foo", [service], toService, toEntry), ["svc"]);
    assert.deepEqual(names("foo", [{ ...service, registry: "External" }], toService, toEntry), ["se"]);
    assert.deepEqual(names("foo", [{ ...service, name: "web2" }], toService, toEntry), []);
    assert.deepEqual(names("foo", [{ ...service, namespace: "bar" }], toService, toEntry), []);
    assert.deepEqual(names("foo", [], toService), []);
  });

  test("those of the service's namespace, wherever the waypoint runs", () => {
    assert.deepEqual(names("gateways", [service], toService), ["svc"]);
    assert.deepEqual(names("gateways", [{ ...service, namespace: "gateways" }], toService), []);
  });

  test("those that name the waypoint itself, or all waypoints from the root namespace", () => {
    const toGateway = policy("foo", { name: "gw", gateway: "waypoint" });
    const toClass = (namespace: string, className: string) =>
      policy(namespace, { name: "class", target: `gateway.networking.k8s.io/GatewayClass/${className}` });
    assert.deepEqual(names("foo", [service], toGateway, toClass(ROOT, "istio-waypoint")), ["gw", "class"]);
    assert.deepEqual(names("bar", [service], toGateway, toClass("bar", "istio-waypoint")), []);
    assert.deepEqual(names("foo", [service], toClass(ROOT, "istio")), []);
  });

  test("none by selector, not even one without labels; a gateway that is no waypoint reads selectors, and no services", () => {
    const wide = policy("foo", { name: "wide" });
    const bySelector = policy("foo", { name: "selector", labels: { app: "web" } });
    const toClass = policy(ROOT, { name: "class", target: "gateway.networking.k8s.io/GatewayClass/istio-waypoint" });
    assert.deepEqual(names("foo", [service], wide, bySelector), []);
    assert.deepEqual(names("foo", undefined, wide, bySelector, toService, toClass), ["selector", "wide"]);
  });
});
