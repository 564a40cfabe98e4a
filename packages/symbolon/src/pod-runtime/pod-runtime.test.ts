import { describe, expect, test } from "bun:test";
import { createObservable } from "@symbolon/spiffe/core";
import { createPodRuntimeFixture, fakePod } from "../../../../test/fakes/pod-runtime-fixture.ts";
import type { Pod } from "../mesh/index.ts";
import { startPodRuntime } from "./pod-runtime.ts";

function run(...pods: readonly Pod[]) {
  const fixture = createPodRuntimeFixture();
  const desired = createObservable<readonly Pod[]>(pods);
  return Object.assign(fixture, { desired, runtime: startPodRuntime(desired, fixture.ports) });
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => fakePod(`p${index}`, { address: `10.244.0.${index + 2}` }));

describe("pod runtime", () => {
  test("runs what is wanted, and ends what is no longer", async () => {
    const mesh = run(...numbered(2));
    await mesh.settle();
    expect(mesh.statuses.size).toBe(2);
    mesh.desired.set(numbered(3).slice(1));
    await mesh.settle();
    expect([...mesh.statuses.keys()]).toEqual(["uid-p1", "uid-p2"]);
    expect(mesh.runtime.pods.map(({ name }) => name)).toEqual(["p1", "p2"]);
    expect(mesh.events).toContain("removed p0");
  });

  test("leaves a pod alone that is wanted again and again", async () => {
    const mesh = run(...numbered(1));
    await mesh.settle();
    const before = mesh.events.length;
    mesh.desired.set(numbered(1));
    await mesh.settle();
    expect(mesh.events).toHaveLength(before);
  });

  test("a pod whose address another one still holds waits for its end", async () => {
    const mesh = run(fakePod("old"));
    await mesh.settle();
    mesh.processesObey = false;
    mesh.desired.set([fakePod("new")]);
    await mesh.settle();
    expect(mesh.events).not.toContain("network.create new");
    expect(mesh.statuses.get("uid-new")).toMatchObject({ ready: false, reason: "pod is being created" });
    mesh.newest("old/app").end({ code: 0 });
    await mesh.clock.advance(22_000);
    expect(mesh.events.indexOf("network.create new")).toBeGreaterThan(mesh.events.indexOf("removed old"));
  });

  test("pods that wait for an address do not keep others from being made", async () => {
    const mesh = run(fakePod("old"));
    await mesh.settle();
    mesh.processesObey = false;
    const waiting = Array.from({ length: 8 }, (_, index) => fakePod(`w${index}`));
    mesh.desired.set([...waiting, fakePod("free", { address: "10.244.0.99" })]);
    await mesh.settle();
    expect(mesh.statuses.get("uid-free")?.ready).toBe(true);
  });

  test("makes four pods at a time, in order", async () => {
    const fixture = createPodRuntimeFixture();
    const letGo = fixture.hold("network.create");
    startPodRuntime(createObservable<readonly Pod[]>(numbered(10)), fixture.ports);
    await fixture.settle();
    const made = () => fixture.events.filter((event) => event.startsWith("network.create"));
    expect(made()).toEqual(["p0", "p1", "p2", "p3"].map((name) => `network.create ${name}`));
    letGo();
    await fixture.settle();
    expect(made()).toHaveLength(10);
  });

  test("a pod that cannot be made gives its place free", async () => {
    const fixture = createPodRuntimeFixture();
    fixture.failNext("network.create");
    startPodRuntime(createObservable<readonly Pod[]>(numbered(9)), fixture.ports);
    await fixture.settle();
    expect([...fixture.statuses.values()].filter(({ ready }) => ready)).toHaveLength(8);
    await fixture.clock.advance(1_000);
    expect([...fixture.statuses.values()].filter(({ ready }) => ready)).toHaveLength(9);
  });

  test("closing ends every pod, leaves no timer, and takes no new ones", async () => {
    const mesh = run(...numbered(3));
    await mesh.settle();
    await mesh.runtime.close();
    await mesh.runtime.close();
    expect(mesh.events.filter((event) => event.startsWith("removed"))).toHaveLength(3);
    const before = mesh.events.length;
    mesh.desired.set(numbered(4));
    await mesh.settle();
    expect(mesh.events).toHaveLength(before);
    expect(mesh.runtime.pods).toEqual([]);
    expect(mesh.clock.pendingTimersMs).toEqual([]);
  });
});
