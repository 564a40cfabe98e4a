import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { usesAutoMtls } from "./auto-mtls.ts";
import { compareByCreation } from "./config-order.ts";
import type { MtlsMode } from "./mtls-mode.ts";
import type { PeerAuthentication } from "./peer-authentication.ts";
import { createPeerAuthenticationIndex, effectivePeerAuthentication } from "./peer-authentication-index.ts";
import { selectorMatches, selectorText } from "./selector.ts";

const ROOT = "istio-system";
const web = { namespace: "foo", labels: { app: "web", version: "v1" } };

interface PolicyOptions {
  readonly name?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: Readonly<Record<number, MtlsMode>>;
  readonly created?: string;
}

function policy(namespace: string, mode: MtlsMode, options: PolicyOptions = {}): PeerAuthentication {
  const { name = `${namespace}-${mode}`, labels, ports = {}, created } = options;
  return {
    kind: "PeerAuthentication",
    namespace,
    name,
    position: { file: "f.yaml", line: 1, column: 1 },
    ...(created === undefined ? {} : { creationTimestamp: new Date(created) }),
    ...(labels === undefined ? {} : { selector: { matchLabels: labels } }),
    mode,
    portLevelMtls: new Map(Object.entries(ports).map(([port, portMode]) => [Number(port), portMode])),
  };
}

const effective = (...policies: readonly PeerAuthentication[]) =>
  effectivePeerAuthentication({ policies, rootNamespace: ROOT, workload: web });
const mode = (...policies: readonly PeerAuthentication[]) => effective(...policies).mode;
const app = { labels: { app: "web" } };

describe("effective mode of a workload (istio-security §1.3)", () => {
  test("1: no policy at all is PERMISSIVE, by nobody's decision", () => {
    const none = effective();
    assert.deepEqual([none.mode, none.level, none.policy, none.chain], ["permissive", "default", undefined, []]);
  });

  test("1: UNSET inherits from namespace, mesh and at last from the default", () => {
    assert.equal(mode(policy(ROOT, "unset")), "permissive");
    assert.equal(mode(policy(ROOT, "strict"), policy("foo", "unset")), "strict");
    assert.equal(mode(policy("foo", "disable"), policy("foo", "unset", app)), "disable");
    assert.equal(mode(policy(ROOT, "strict"), policy("foo", "unset"), policy("foo", "unset", app)), "strict");
  });

  test("the narrowest policy that has a mode decides, and the chain says so", () => {
    const all = effective(policy(ROOT, "strict"), policy("foo", "disable"), policy("foo", "permissive", app));
    assert.deepEqual([all.mode, all.level, all.policy?.name], ["permissive", "workload", "foo-permissive"]);
    assert.deepEqual(
      all.chain.map(({ level, outcome }) => `${level} ${outcome}`),
      ["mesh overridden", "namespace overridden", "workload decided"],
    );
    assert.equal(all.chain[0]?.reason, "overridden by the workload policy foo/foo-permissive");
    assert.equal(mode(policy(ROOT, "strict"), policy("foo", "disable")), "disable");
  });

  test("a policy of another namespace, or for other labels, does not count", () => {
    const other = effective(policy("bar", "strict"), policy("foo", "strict", { labels: { app: "api" } }));
    assert.deepEqual([other.mode, other.chain], ["permissive", []]);
    assert.equal(mode(policy("foo", "strict", { labels: { app: "web", version: "v2" } })), "permissive");
    assert.equal(mode(policy("foo", "strict", { labels: { app: "web", version: "v1" } })), "strict");
  });

  test("2: a selector in the root namespace is ignored, there as well", () => {
    const selecting = policy(ROOT, "strict", app);
    assert.equal(mode(selecting), "permissive");
    const inRoot = createPeerAuthenticationIndex([selecting], ROOT).effective({ ...web, namespace: ROOT });
    assert.equal(inRoot.mode, "permissive");
    assert.deepEqual(
      inRoot.chain.map(({ outcome, reason }) => [outcome, reason]),
      [["ignored", "policies with a selector are ignored in the root namespace"]],
    );
  });

  test("3: of several workload policies only the oldest counts, its ports included", () => {
    const old = policy("foo", "strict", { ...app, name: "z", created: "2024-01-01T00:00:00Z" });
    const young = policy("foo", "disable", {
      ...app,
      name: "a",
      ports: { 80: "disable" },
      created: "2024-01-02T00:00:00Z",
    });
    for (const policies of [
      [old, young],
      [young, old],
    ]) {
      const result = effective(...policies);
      assert.deepEqual([result.mode, result.modeForPort(80), result.ports.size], ["strict", "strict", 0]);
      assert.match(
        result.chain[1]?.reason ?? "",
        /only the oldest workload policy counts: foo\/z \(created 2024-01-01T00:00:00Z\)/,
      );
    }
  });

  test("3: the oldest counts although its mode is UNSET; the younger does not fill in", () => {
    const old = policy("foo", "unset", { ...app, name: "old", created: "2024-01-01T00:00:00Z" });
    const young = policy("foo", "strict", { ...app, name: "young", created: "2024-01-02T00:00:00Z" });
    assert.equal(mode(old, young), "permissive");
  });

  test("4, 5: of two policies of one scope the older counts; on a tie the one with the lesser name", () => {
    const at = (created: string, name: string, own: MtlsMode, namespace = "foo") =>
      policy(namespace, own, { created, name });
    const day1 = "2024-01-01T00:00:00Z";
    const day2 = "2024-01-02T00:00:00Z";
    assert.equal(mode(at(day2, "a", "disable"), at(day1, "b", "strict")), "strict");
    assert.equal(mode(at(day1, "b", "disable"), at(day1, "a", "strict")), "strict");
    assert.equal(mode(at(day2, "a", "disable", ROOT), at(day1, "b", "strict", ROOT)), "strict");
    assert.equal(mode(at(day1, "a", "disable"), policy("foo", "strict", { name: "z" })), "strict");
  });

  test("6: a policy with ports alone leaves every other port its inherited mode", () => {
    const result = effective(
      policy("foo", "strict"),
      policy("foo", "unset", { ...app, ports: { 8080: "disable", 81: "unset" } }),
    );
    assert.deepEqual(
      [8080, 81, 9000, 0].map((port) => result.modeForPort(port)),
      ["disable", "strict", "strict", "strict"],
    );
    assert.deepEqual([...result.ports].sort(), [
      [8080, "disable"],
      [81, "strict"],
    ]);
    assert.equal(result.decisionForPort(8080).level, "port");
    assert.equal(result.decisionForPort(81).level, "namespace");
    assert.deepEqual(
      result.chain.filter(({ level }) => level === "port").map(({ port, outcome }) => [port, outcome]),
      [
        [81, "inherited"],
        [8080, "decided"],
      ],
    );
  });

  test("7: in the root namespace the mesh policy is the namespace's", () => {
    const index = createPeerAuthenticationIndex([policy(ROOT, "strict")], ROOT);
    const result = index.effective({ namespace: ROOT, labels: {} });
    assert.deepEqual([result.mode, result.level, result.chain.length], ["strict", "mesh", 1]);
  });

  test("labels named like members of every object match only what is there", () => {
    assert.equal(selectorMatches({ matchLabels: { constructor: "x" } }, {}), false);
    assert.equal(selectorMatches({ matchLabels: { constructor: "x" } }, { constructor: "x" }), true);
    assert.equal(selectorMatches({ matchLabels: { app: "" } }, {}), false);
    assert.equal(selectorMatches(undefined, {}), true);
    assert.equal(selectorText({ matchLabels: { b: "2", a: "1" } }), "a=1,b=2");
  });

  test("what attaches is listed, its own namespace first", () => {
    const policies = [
      policy(ROOT, "strict"),
      policy("foo", "unset"),
      policy("foo", "disable", app),
      policy("bar", "strict"),
    ];
    const index = createPeerAuthenticationIndex(policies, ROOT);
    assert.deepEqual(
      index.attached(web).map(({ name }) => name),
      ["foo-unset", "foo-disable", "istio-system-strict"],
    );
    assert.deepEqual(
      index.attached({ ...web, namespace: ROOT }).map(({ name }) => name),
      ["istio-system-strict"],
    );
  });
});

describe("mode of a namespace, as clients see it (§1.3.8)", () => {
  const seen = (namespace: string, ...policies: readonly PeerAuthentication[]) =>
    createPeerAuthenticationIndex(policies, ROOT).namespaceMtlsMode(namespace);

  test("is the namespace's, else the mesh's, else unknown", () => {
    assert.equal(seen("foo"), "unknown");
    assert.equal(seen("foo", policy(ROOT, "strict")), "strict");
    assert.equal(seen("foo", policy(ROOT, "strict"), policy("foo", "disable")), "disable");
    assert.equal(seen("foo", policy("bar", "strict")), "unknown");
  });

  test("UNSET is the mesh's mode, or PERMISSIVE", () => {
    assert.equal(seen("foo", policy("foo", "unset")), "permissive");
    assert.equal(seen("foo", policy("foo", "unset"), policy(ROOT, "disable")), "disable");
    assert.equal(seen("foo", policy(ROOT, "unset")), "permissive");
    assert.equal(seen(ROOT, policy(ROOT, "unset")), "permissive");
  });

  test("never looks at workload policies", () => {
    assert.equal(seen("foo", policy("foo", "disable", app)), "unknown");
    assert.equal(seen("foo", policy(ROOT, "disable", app)), "unknown");
  });
});

describe("auto mTLS (§4.3)", () => {
  const endpoint = { hasSidecar: true, mode: "permissive" } as const;
  const target = { namespaceMode: "unknown", meshExternal: false, endpoint } as const;

  test("is used towards a sidecar whose port takes it", () => {
    for (const namespaceMode of ["unknown", "permissive", "strict"] as const)
      assert.equal(usesAutoMtls({ ...target, namespaceMode }), true);
    assert.equal(usesAutoMtls({ ...target, endpoint: { ...endpoint, mode: "strict" } }), true);
  });

  test("is not used towards a pod without sidecar, a DISABLE port, a DISABLE namespace or an external service", () => {
    assert.equal(usesAutoMtls({ ...target, endpoint: { ...endpoint, hasSidecar: false } }), false);
    assert.equal(usesAutoMtls({ ...target, endpoint: { ...endpoint, mode: "disable" } }), false);
    assert.equal(usesAutoMtls({ ...target, namespaceMode: "disable" }), false);
    assert.equal(
      usesAutoMtls({ ...target, namespaceMode: "disable", endpoint: { hasSidecar: true, mode: "strict" } }),
      false,
    );
    assert.equal(usesAutoMtls({ ...target, meshExternal: true }), false);
  });
});

describe("order of configuration objects (§0.3)", () => {
  test("time, then name, then namespace; without a time first", () => {
    const at = (name: string, namespace: string, created?: string) => ({
      name,
      namespace,
      ...(created === undefined ? {} : { creationTimestamp: new Date(created) }),
    });
    const first = at("z", "z");
    const second = at("b", "x", "2024-01-01T00:00:00Z");
    const third = at("b", "y", "2024-01-01T00:00:00Z");
    const fourth = at("c", "a", "2024-01-01T00:00:00Z");
    const last = at("a", "a", "2024-01-01T00:00:01Z");
    assert.deepEqual([last, fourth, third, second, first].sort(compareByCreation), [
      first,
      second,
      third,
      fourth,
      last,
    ]);
    assert.equal(compareByCreation(first, at("z", "z")), 0);
  });
});
