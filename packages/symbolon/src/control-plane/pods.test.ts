import { describe, expect, test } from "bun:test";
import type { Random } from "@symbolon/spiffe/core";
import { createFakeRandom } from "@symbolon/spiffe/testing";
import { createControlPlaneFixture, createMemoryStore, READY } from "../../../../test/fakes/control-plane-fixture.ts";
import { only } from "../../../../test/fakes/manifests.ts";
import { parseIpv4Range } from "../mesh/index.ts";
import { createAddressPool } from "./address-pool.ts";
import { createPods } from "./pods.ts";
import { createSerialQueue } from "./serial-queue.ts";

const web = (replicas: number, spec = "") =>
  `apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, namespace: foo}\nspec: {replicas: ${replicas}, selector: {matchLabels: {app: web}}, ${spec}template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}}\n`;
const names = (mesh: Awaited<ReturnType<typeof createControlPlaneFixture>>) =>
  mesh.control.status().pods.map(({ pod }) => pod.name);

describe("pods of a mesh", () => {
  test("scale up and down, and the mesh says when it has settled", async () => {
    const mesh = await createControlPlaneFixture({ files: web(1) });
    await mesh.runPods();
    expect(mesh.control.status().settled).toBe(true);
    await mesh.edit(web(3));
    expect(mesh.control.desiredPods.current).toHaveLength(3);
    await mesh.runPods();
    await mesh.edit(web(0));
    expect(mesh.control.desiredPods.current).toEqual([]);
    expect([mesh.control.status().settled, names(mesh).length]).toEqual([false, 3]);
    await mesh.runPods();
    expect([mesh.control.status().settled, names(mesh)]).toEqual([true, []]);
  });

  test("a change of the template rolls without a moment without a ready pod", async () => {
    const mesh = await createControlPlaneFixture({ files: web(2) });
    await mesh.runPods();
    const before = names(mesh);
    await mesh.edit(web(2).replace("image: i", "image: j"));
    const ready = mesh.control.status().pods.filter(({ status }) => status?.ready);
    expect(ready.length).toBeGreaterThanOrEqual(2);
    await mesh.runPods();
    expect(mesh.control.status().settled).toBe(true);
    expect(names(mesh).filter((name) => before.includes(name))).toEqual([]);
    expect(names(mesh)).toHaveLength(2);
  });

  test("a change of labels on the Deployment alone rolls nothing", async () => {
    const mesh = await createControlPlaneFixture({ files: web(2) });
    const before = names(mesh);
    await mesh.edit(web(2).replace("namespace: foo}", "namespace: foo, labels: {x: y}}"));
    expect(names(mesh)).toEqual(before);
  });

  test("a bare Pod that changes waits until its name and its address are free", async () => {
    const pod = (image: string) =>
      `apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: foo}\nspec: {containers: [{name: c, image: ${image}}]}\n`;
    const mesh = await createControlPlaneFixture({ files: pod("i") });
    const [old] = mesh.control.desiredPods.current;
    await mesh.edit(pod("j"));
    expect(mesh.control.desiredPods.current).toEqual([]);
    await mesh.control.reportPodRemoved(old?.uid ?? "");
    const [next] = mesh.control.desiredPods.current;
    expect([next?.name, next?.containers[0]?.image]).toEqual(["p", "j"]);
    expect(next?.address).not.toBe(old?.address);
  });

  test("an ending pod holds its address until the runtime has ended it", async () => {
    const mesh = await createControlPlaneFixture({ files: web(1), podRange: "10.0.0.0/30" });
    await mesh.runPods();
    const [old] = mesh.control.desiredPods.current;
    await mesh.edit(
      web(1, "strategy: {rollingUpdate: {maxSurge: 0, maxUnavailable: 1}}, ").replace("image: i", "image: j"),
    );
    expect(mesh.control.desiredPods.current).toEqual([]);
    expect(mesh.control.status()).toMatchObject({
      settled: false,
      findings: ["all 1 pod addresses of 10.0.0.0/30 are in use; start the mesh with a larger range"],
    });
    await mesh.control.reportPodRemoved(old?.uid ?? "");
    expect(mesh.control.desiredPods.current.map(({ address }) => address)).toEqual(["10.0.0.2"]);
    expect(mesh.control.status().findings).toEqual([]);
  });

  test("a full range leaves the pods that are there, and says why the others are missing", async () => {
    const mesh = await createControlPlaneFixture({ files: web(5), podRange: "10.0.0.0/29" });
    await mesh.edit(web(7));
    await mesh.runPods();
    expect(names(mesh)).toHaveLength(5);
    expect(mesh.control.status().findings).toHaveLength(1);
    expect(mesh.errors).toEqual(["pods cannot be made"]);
    await mesh.edit(web(4));
    await mesh.runPods();
    expect([names(mesh).length, mesh.control.status().settled, mesh.control.status().findings]).toEqual([4, true, []]);
  });

  test("a new pod runtime knows nothing of the old one's pods: the ending are gone, the others unready", async () => {
    const mesh = await createControlPlaneFixture({ files: web(2) });
    await mesh.control.connectRuntime("boot-1");
    await mesh.runPods();
    await mesh.edit(web(1));
    expect(names(mesh)).toHaveLength(2);
    await mesh.control.connectRuntime("boot-1");
    expect(names(mesh)).toHaveLength(2);
    await mesh.control.connectRuntime("boot-2");
    expect(mesh.control.status().pods.map(({ status }) => status)).toEqual([undefined]);
  });

  test("the boot that it knows survives a restart of the control plane", async () => {
    const store = createMemoryStore();
    const before = await createControlPlaneFixture({ store, files: web(1) });
    await before.control.connectRuntime("boot-1");
    await before.runPods();
    const after = await createControlPlaneFixture({ store, files: web(1) });
    await after.control.connectRuntime("boot-1");
    expect(after.control.status().pods[0]?.status?.ready).toBe(true);
    await after.control.connectRuntime("boot-2");
    expect(after.control.status().pods[0]?.status).toBeUndefined();
  });

  test("reports about a pod that is gone change nothing", async () => {
    const mesh = await createControlPlaneFixture({ files: web(1) });
    const writes = mesh.store.writes.length;
    await mesh.control.reportPodStatus("nobody", READY);
    await mesh.control.reportPodRemoved("nobody");
    expect(mesh.store.writes).toHaveLength(writes);
    expect(mesh.control.findPod("nobody")).toBeUndefined();
  });
});

describe("names of made pods", () => {
  test("are drawn again while another pod has them", () => {
    // Each draw of letters comes twice, so that every second name is taken at first.
    const inner = createFakeRandom(3);
    const drawn: number[] = [];
    let reads = 0;
    const random: Random = {
      bytes: (length) => inner.bytes(length),
      fraction: () => {
        const index = Math.floor(reads / 10) * 5 + (reads++ % 5);
        drawn[index] ??= inner.fraction();
        return drawn[index];
      },
    };
    const pods = createPods({
      records: [],
      addresses: createAddressPool(parseIpv4Range("10.0.0.0/24"), "pod"),
      nodeName: "node",
      nodeAddress: "10.0.0.1",
      random,
    });
    pods.reconcile({ workloads: [only("Deployment", web(6))], namespaceLabels: () => ({}), now: new Date(0) });
    const made = pods.records.map(({ pod }) => pod.name);
    expect(new Set(made).size).toBe(6);
  });
});

describe("serial queue", () => {
  test("runs one piece of work at a time, in order, and goes on after a failure", async () => {
    const inOrder = createSerialQueue();
    const events: string[] = [];
    const work = (name: string, fails = false) =>
      inOrder(async () => {
        events.push(`${name} begins`);
        await Promise.resolve();
        events.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const results = await Promise.allSettled([work("a"), work("b", true), work("c")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(events).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });
});
