import { describe, expect, test } from "bun:test";
import type { AuthorizationPolicy } from "@symbolon/policy";
import { type LocalConfig, type MeshView, type ProxyConfig, policyFromWire } from "../mesh/index.ts";
import type { SnapshotContent } from "./compute-snapshot.ts";
import { createProxyConfigPush } from "./push.ts";

const mesh = (capturedPorts: readonly number[]): MeshView => ({
  trustDomain: "cluster.local",
  trustDomainAliases: [],
  pathNormalization: "base",
  denialReasonHeader: false,
  clusterDomain: "cluster.local",
  services: [],
  workloads: [],
  capturedPorts,
});

const local = (podUid: string): LocalConfig => ({
  podUid,
  podName: podUid,
  namespace: "foo",
  serviceAccount: "default",
  address: "10.244.0.2",
  sidecar: true,
  inboundMode: "permissive",
  inboundPorts: [],
  authorizationPolicies: [],
});

/** With a policy that denies each of these methods. */
const denied = (podUid: string, ...methods: readonly string[]): LocalConfig => ({
  ...local(podUid),
  authorizationPolicies: methods.map(
    (method, place): AuthorizationPolicy =>
      policyFromWire({ namespace: "foo", name: `p${place}`, action: "deny", rules: [{ to: [{ methods: [method] }] }] }),
  ),
});

const content = (capturedPorts: readonly number[], ...pods: readonly string[]): SnapshotContent => ({
  mesh: mesh(capturedPorts),
  locals: new Map(pods.map((uid) => [uid, local(uid)])),
});

function harness() {
  const turn: (() => void)[] = [];
  const push = createProxyConfigPush(100, (callback) => turn.push(callback));
  const seen: Record<string, (number | undefined)[]> = {};
  return {
    push,
    seen,
    endTurn: () => {
      for (const callback of turn.splice(0)) callback();
    },
    pendingTurns: () => turn.length,
    follow: (uid: string) => {
      seen[uid] = [];
      return push.subscribe(uid, (config) => seen[uid]?.push(config?.version));
    },
  };
}

describe("push", () => {
  test("nobody is told anything before the first snapshot, nor about a pod that does not exist", () => {
    const { push } = harness();
    expect([push.version, push.current("a")]).toEqual([0, undefined]);
    push.publish(content([80], "a"));
    expect(push.current("a")?.version).toBe(100);
    expect(push.current("b")).toBeUndefined();
  });

  test("each change has a higher version; equal content is no change", () => {
    const { push, endTurn, follow, seen } = harness();
    follow("a");
    push.publish(content([80], "a"));
    push.publish(content([80], "a"));
    endTurn();
    push.publish(content([80], "a"));
    expect(push.version).toBe(100);
    push.publish(content([81], "a"));
    endTurn();
    expect(push.version).toBe(101);
    expect(seen.a).toEqual([100, 101]);
  });

  test("several changes of one turn are one call, with the newest", () => {
    const { push, endTurn, pendingTurns, follow, seen } = harness();
    follow("a");
    for (const port of [1, 2, 3]) push.publish(content([port], "a"));
    expect(pendingTurns()).toBe(1);
    endTurn();
    expect(seen.a).toEqual([102]);
  });

  test("each follower gets its own pod's configuration and never another's", () => {
    const { push, endTurn } = harness();
    const got: (ProxyConfig | undefined)[] = [];
    push.subscribe("a", (config) => got.push(config));
    push.publish(content([80], "a", "b"));
    endTurn();
    expect(got).toEqual([{ version: 100, local: local("a"), mesh: mesh([80]) }]);
  });

  test("a new follower is not told what it can read, only what comes after", () => {
    const { push, endTurn, follow, seen } = harness();
    push.publish(content([80], "a"));
    follow("a");
    endTurn();
    expect(seen.a).toEqual([]);
    push.publish(content([81], "a"));
    endTurn();
    expect(seen.a).toEqual([101]);
  });

  test("a pod that is gone ends its stream once, and one that comes begins it", () => {
    const { push, endTurn, follow, seen } = harness();
    push.publish(content([80], "a"));
    endTurn();
    follow("a");
    follow("late");
    push.publish(content([80]));
    endTurn();
    push.publish(content([81]));
    endTurn();
    expect(seen).toEqual({ a: [undefined], late: [] });
    push.publish(content([81], "late"));
    endTurn();
    expect(seen.late).toEqual([103]);
  });

  test("whoever has left is not called, also when it leaves while others are", () => {
    const { push, endTurn, follow, seen } = harness();
    const leaveLater: (() => void)[] = [];
    push.subscribe("a", () => {
      for (const leave of leaveLater) leave();
    });
    leaveLater.push(follow("a"));
    push.publish(content([80], "a"));
    endTurn();
    expect(seen.a).toEqual([]);
    const again = follow("a");
    again();
    again();
    push.publish(content([81], "a"));
    endTurn();
    expect(seen.a).toEqual([]);
  });

  test("what was handed out is never edited by what follows", () => {
    const { push } = harness();
    push.publish(content([80], "a"));
    const first = push.current("a");
    const text = JSON.stringify(first);
    push.publish(content([81], "a"));
    expect(JSON.stringify(first)).toBe(text);
    expect(first?.mesh.capturedPorts).toEqual([80]);
    expect(push.current("a")?.mesh.capturedPorts).toEqual([81]);
    expect(push.current("a")).toBe(push.current("a"));
  });

  test("whoever has only a new number is told it after the others", () => {
    const { push, endTurn } = harness();
    push.publish(content([80], "a", "b", "c"));
    endTurn();
    const order: string[] = [];
    for (const uid of ["a", "b", "c"]) push.subscribe(uid, (config) => order.push(`${uid} ${config?.version}`));
    push.publish({
      mesh: mesh([80]),
      locals: new Map(["a", "b", "c"].map((uid) => [uid, local(uid)])).set("b", denied("b", "x")),
    });
    endTurn();
    expect(order).toEqual(["b 101", "a 101", "c 101"]);
  });
});

describe("what is equal in two versions is the same object", () => {
  const publish = (push: ReturnType<typeof harness>["push"], changed: SnapshotContent) => {
    push.publish(changed);
    return [push.current("a"), push.current("b")] as const;
  };
  /** All pods of a Deployment have the same policies, and every computation lists them anew. */
  const both = (port: number, ...values: readonly string[]): SnapshotContent => {
    const { authorizationPolicies } = denied("a", ...values);
    const pod = (uid: string) => ({ ...local(uid), authorizationPolicies: [...authorizationPolicies] });
    return { mesh: mesh([port]), locals: new Map(["a", "b"].map((uid) => [uid, pod(uid)])) };
  };

  test("of the mesh, of a pod, and of each policy; and of two pods with the same policies their list", () => {
    const { push } = harness();
    const [a1, b1] = publish(push, both(80, "x", "y"));
    expect(b1?.local.authorizationPolicies).toBe(a1?.local.authorizationPolicies as never);
    const [a2] = publish(push, both(81, "x", "y"));
    expect([a2?.local === a1?.local, a2?.mesh === a1?.mesh]).toEqual([true, false]);
    const [a3, b3] = publish(push, both(81, "x", "z"));
    expect([a3?.mesh === a2?.mesh, a3?.local === a2?.local]).toEqual([true, false]);
    expect(a3?.local.authorizationPolicies).toEqual(denied("a", "x", "z").authorizationPolicies);
    expect(
      a3?.local.authorizationPolicies.map((policy, place) => policy === a1?.local.authorizationPolicies[place]),
    ).toEqual([true, false]);
    expect(b3?.local.authorizationPolicies).toBe(a3?.local.authorizationPolicies as never);
  });

  test("of a policy whose lines have moved; where it stands now is known to whoever explains it", () => {
    const { push } = harness();
    const at = (line: number): SnapshotContent => {
      const local = denied("a", "x");
      const authorizationPolicies = local.authorizationPolicies.map((policy) => ({
        ...policy,
        position: { file: "a.yaml", line, column: 1 },
      }));
      return { mesh: mesh([80]), locals: new Map([["a", { ...local, authorizationPolicies }]]) };
    };
    push.publish(at(1));
    const told = push.current("a");
    push.publish(at(5));
    expect(push.current("a")).toBe(told as never);
    const lines = [told, push.written("a")].map((config) => config?.local.authorizationPolicies[0]?.position.line);
    expect(lines).toEqual([1, 5]);
    expect([push.written("a")?.version, push.written("b")]).toEqual([100, undefined]);
  });

  test("of keys; a set that has changed is another, and one that is gone is none", () => {
    const { push } = harness();
    const withKeys = (jwks?: string): SnapshotContent => ({
      mesh: mesh([80]),
      locals: new Map([
        [
          "a",
          {
            ...local("a"),
            ...(jwks ? { requestAuthentication: { policies: [], keySets: [{ source: "s", jwks }] } } : {}),
          },
        ],
      ]),
    });
    const [one] = publish(push, withKeys("k1"));
    const [same] = publish(push, { ...withKeys("k1"), mesh: mesh([81]) });
    expect(same?.local).toBe(one?.local as never);
    const [other] = publish(push, withKeys("k2"));
    expect(other?.local.requestAuthentication?.keySets).toEqual([{ source: "s", jwks: "k2" }]);
    const [none] = publish(push, withKeys());
    expect([none?.version, none?.local]).toEqual([103, local("a")]);
  });
});
