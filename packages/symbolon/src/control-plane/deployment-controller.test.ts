import { describe, expect, test } from "bun:test";
import type { DeploymentStrategy } from "../mesh/index.ts";
import { planPods, type WantedPods } from "./deployment-controller.ts";
import type { PodRecord } from "./pod-record.ts";

const owner = { kind: "Deployment", namespace: "foo", name: "web" } as const;
const rolling = (maxSurge: number, maxUnavailable: number): DeploymentStrategy => ({
  kind: "rolling",
  maxSurge,
  maxUnavailable,
});
const wanted = (replicas: number, templateHash = "new", strategy = rolling(1, 0)): WantedPods => ({
  owner,
  templateHash,
  replicas,
  strategy,
});

interface Facts {
  readonly hash?: string;
  readonly ready?: boolean;
  readonly ending?: boolean;
  readonly createdAt?: string;
  readonly owner?: PodRecord["owner"];
}

function pod(uid: string, facts: Facts = {}): PodRecord {
  return {
    pod: {
      uid,
      name: uid,
      namespace: "foo",
      labels: {},
      serviceAccount: "default",
      sidecar: true,
      address: "10.0.0.2",
      containers: [],
      terminationGracePeriodSeconds: 30,
    },
    owner: facts.owner ?? owner,
    templateHash: facts.hash ?? "new",
    annotations: {},
    createdAt: facts.createdAt ?? "2026-01-01T00:00:00.000Z",
    ...(facts.ending ? { terminatingSince: "2026-01-01T00:01:00.000Z" } : {}),
    status: { phase: "running", ready: facts.ready ?? true, containers: [] },
  };
}

const plan = (entry: WantedPods, ...pods: readonly PodRecord[]) => {
  const { create, remove } = planPods([entry], pods);
  return { create: create.length, remove: [...remove].sort() };
};
const NOTHING = { create: 0, remove: [] };

describe("planPods", () => {
  test("makes what is missing and nothing more", () => {
    expect(plan(wanted(3))).toEqual({ create: 3, remove: [] });
    expect(plan(wanted(3), pod("a"))).toEqual({ create: 2, remove: [] });
    expect(plan(wanted(1), pod("a"))).toEqual(NOTHING);
    expect(plan(wanted(0))).toEqual(NOTHING);
    expect(planPods([], [])).toEqual({ create: [], remove: [] });
  });

  test("scales down: the unready first, then the youngest", () => {
    const old = pod("old", { createdAt: "2026-01-01T00:00:00.000Z" });
    const young = pod("young", { createdAt: "2026-01-02T00:00:00.000Z" });
    const unready = pod("unready", { ready: false, createdAt: "2025-01-01T00:00:00.000Z" });
    expect(plan(wanted(2), old, young, unready).remove).toEqual(["unready"]);
    expect(plan(wanted(1), old, young, unready).remove).toEqual(["unready", "young"]);
    expect(plan(wanted(0), old, young, unready).remove).toEqual(["old", "unready", "young"]);
  });

  test("ends the pods of a workload that is gone, and does not end them twice", () => {
    expect(planPods([], [pod("a"), pod("b", { ending: true })])).toEqual({ create: [], remove: ["a"] });
    const other = pod("x", { owner: { ...owner, kind: "Pod" } });
    expect(plan(wanted(1), other)).toEqual({ create: 1, remove: ["x"] });
  });

  test("an ending pod is replaced at once and is not counted", () => {
    expect(plan(wanted(1), pod("a", { ending: true }))).toEqual({ create: 1, remove: [] });
  });

  test("a change surges first, and takes an old pod only when a new one is ready", () => {
    const old = pod("old", { hash: "old" });
    expect(plan(wanted(1), old)).toEqual({ create: 1, remove: [] });
    expect(plan(wanted(1), old, pod("new", { ready: false }))).toEqual(NOTHING);
    expect(plan(wanted(1), old, pod("new"))).toEqual({ create: 0, remove: ["old"] });
  });

  test("an old pod that is not ready serves nobody and goes at once", () => {
    const stuck = pod("stuck", { hash: "old", ready: false });
    expect(plan(wanted(1), stuck)).toEqual({ create: 1, remove: ["stuck"] });
  });

  test("with maxSurge 0 an old pod goes first", () => {
    const entry = wanted(2, "new", rolling(0, 1));
    const olds = [pod("a", { hash: "old" }), pod("b", { hash: "old" })];
    expect(plan(entry, ...olds)).toMatchObject({ create: 0, remove: [expect.any(String)] });
    expect(plan(entry, pod("a", { hash: "old" }), pod("b", { hash: "old", ending: true }))).toEqual({
      create: 1,
      remove: [],
    });
  });

  test("Recreate waits until every old pod is really gone", () => {
    const entry = wanted(1, "new", { kind: "recreate" });
    expect(plan(entry, pod("old", { hash: "old" }))).toEqual({ create: 0, remove: ["old"] });
    expect(plan(entry, pod("old", { hash: "old", ending: true }))).toEqual(NOTHING);
    expect(plan(entry)).toEqual({ create: 1, remove: [] });
  });

  test("answers the same for the same input", () => {
    const pods = [pod("a", { hash: "old" }), pod("b"), pod("c", { ready: false })];
    expect(plan(wanted(2), ...pods)).toEqual(plan(wanted(2), ...pods));
  });
});

/** Runs plans to their end: new pods become ready one a step, ending pods vanish one a step. */
function rollOut(entry: WantedPods, start: readonly PodRecord[]) {
  let pods = [...start];
  let made = 0;
  let fewestReady = Number.POSITIVE_INFINITY;
  let mostAlive = 0;
  for (let step = 0; step < 500; step++) {
    const { create, remove } = planPods([entry], pods);
    pods = pods.map((each) => (remove.includes(each.pod.uid) ? { ...each, terminatingSince: "t" } : each));
    pods.push(...create.map((each) => pod(`made-${made++}`, { hash: each.templateHash, ready: false })));
    const alive = pods.filter(({ terminatingSince }) => terminatingSince === undefined);
    fewestReady = Math.min(fewestReady, alive.filter(({ status }) => status?.ready).length);
    mostAlive = Math.max(mostAlive, alive.length);
    const starting = alive.find(({ status }) => !status?.ready);
    const ending = pods.find(({ terminatingSince }) => terminatingSince !== undefined);
    if (create.length + remove.length === 0 && !starting && !ending) return { pods, fewestReady, mostAlive };
    if (ending) pods = pods.filter((each) => each !== ending);
    if (starting)
      pods = pods.map((each) => (each === starting ? pod(each.pod.uid, { hash: each.templateHash }) : each));
  }
  throw new Error("the rollout does not end");
}

describe("a rollout", () => {
  const cases: readonly (readonly [number, number, number])[] = [
    [1, 1, 0],
    [1, 0, 1],
    [4, 1, 1],
    [10, 3, 2],
    [10, 10, 0],
    [3, 0, 3],
  ];
  test.each(cases)("%p replicas, surge %p, unavailable %p: ends, within its bounds", (replicas, surge, unavailable) => {
    const olds = Array.from({ length: replicas }, (_, index) => pod(`old-${index}`, { hash: "old" }));
    const { pods, fewestReady, mostAlive } = rollOut(wanted(replicas, "new", rolling(surge, unavailable)), olds);
    expect(pods.map(({ templateHash }) => templateHash)).toEqual(Array.from({ length: replicas }, () => "new"));
    expect(fewestReady).toBeGreaterThanOrEqual(replicas - unavailable);
    expect(mostAlive).toBeLessThanOrEqual(replicas + surge);
  });

  test("that changes the number of replicas as well ends too", () => {
    const olds = Array.from({ length: 10 }, (_, index) => pod(`old-${index}`, { hash: "old" }));
    const { pods, fewestReady } = rollOut(wanted(2), olds);
    expect(pods).toHaveLength(2);
    expect(fewestReady).toBeGreaterThanOrEqual(2);
    expect(rollOut(wanted(0), olds).pods).toEqual([]);
  });

  test("that is changed again half-way drops the middle version", () => {
    const mixed = [pod("a", { hash: "old" }), pod("b", { hash: "middle" }), pod("c", { hash: "middle", ready: false })];
    const { pods, fewestReady } = rollOut(wanted(2), mixed);
    expect(pods.map(({ templateHash }) => templateHash)).toEqual(["new", "new"]);
    expect(fewestReady).toBeGreaterThanOrEqual(2);
  });
});
