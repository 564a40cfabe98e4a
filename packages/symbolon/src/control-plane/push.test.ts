import { describe, expect, test } from "bun:test";
import type { LocalConfig, MeshView } from "../mesh/index.ts";
import type { SnapshotContent } from "./compute-snapshot.ts";
import type { EncodedProxyConfig } from "./ports.ts";
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
    const got: (EncodedProxyConfig | undefined)[] = [];
    push.subscribe("a", (config) => got.push(config));
    push.publish(content([80], "a", "b"));
    endTurn();
    expect(got.map((config) => config?.config.local.podUid)).toEqual(["a"]);
    expect(new TextDecoder().decode(got[0]?.json)).toBe(JSON.stringify(got[0]?.config));
    expect(new TextDecoder().decode(got[0]?.json)).not.toContain('"b"');
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
    const text = new TextDecoder().decode(first?.json);
    push.publish(content([81], "a"));
    expect(new TextDecoder().decode(first?.json)).toBe(text);
    expect(first?.config.mesh.capturedPorts).toEqual([80]);
    expect(push.current("a")?.config.mesh.capturedPorts).toEqual([81]);
    expect(push.current("a")).toBe(push.current("a"));
  });
});
