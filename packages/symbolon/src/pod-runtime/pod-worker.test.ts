import { describe, expect, test } from "bun:test";
import { createPodRuntimeFixture, fakePod } from "../../../../test/fakes/pod-runtime-fixture.ts";
import type { Pod } from "../mesh/index.ts";
import { startPodWorker } from "./pod-worker.ts";

function start(
  pod: Pod = fakePod("p"),
  prepare: (fixture: ReturnType<typeof createPodRuntimeFixture>) => void = () => undefined,
) {
  const fixture = createPodRuntimeFixture();
  prepare(fixture);
  const worker = startPodWorker(pod, fixture.ports, (create) => create());
  return Object.assign(fixture, { worker, status: () => fixture.statuses.get(pod.uid) });
}

const probed = fakePod("p", {
  containers: [
    {
      name: "app",
      image: "i",
      command: ["run"],
      args: [],
      env: [],
      ports: [],
      readinessProbe: {
        action: { kind: "tcp", port: 80 },
        initialDelaySeconds: 0,
        periodSeconds: 10,
        timeoutSeconds: 1,
        successThreshold: 1,
        failureThreshold: 3,
      },
    },
  ],
});

describe("the life of a pod", () => {
  test("network, proxy, identity, and only then the application", async () => {
    const pod = start();
    await pod.settle();
    expect(pod.events).toEqual([
      "directories.prepare p",
      "network.create p",
      "proxy.start p",
      "identity.register uid-p 100",
      "proxy.ready p",
      "container.start p/app run",
    ]);
    expect(pod.worker.state).toEqual({ kind: "running" });
    expect(pod.status()).toEqual({
      phase: "running",
      ready: true,
      startTime: "2026-01-01T00:00:00.000Z",
      proxy: { pid: 100, startTicks: 1000, restarts: 0 },
      containers: [{ name: "app", ready: true, restartCount: 0, state: "running", pid: 101 }],
    });
  });

  test("nothing of the application runs before the proxy is ready", async () => {
    const pod = start(fakePod("p"), (fixture) => {
      fixture.proxiesBecomeReady = false;
    });
    await pod.clock.advance(3_600_000);
    expect(pod.processes.map(({ name }) => name)).toEqual(["p/proxy"]);
    expect(pod.status()).toMatchObject({ phase: "pending", ready: false, reason: "proxy is not ready yet" });
  });

  test("at its end the application goes first, then the proxy, then identity, network and files", async () => {
    const pod = start();
    await pod.settle();
    const before = pod.events.length;
    await pod.worker.stop();
    expect(pod.events.slice(before)).toEqual([
      "SIGTERM p/app",
      "SIGTERM p/proxy",
      "identity.unregister uid-p",
      "network.destroy p",
      "directories.remove p",
      "removed p",
    ]);
    expect(pod.worker.state).toEqual({ kind: "removed" });
    await pod.worker.stop();
    expect(pod.events.filter((event) => event === "removed p")).toHaveLength(1);
    expect(pod.clock.pendingTimersMs).toEqual([]);
  });

  test("whoever does not obey is killed after the grace; the proxy serves until then", async () => {
    const pod = start(fakePod("p", { terminationGracePeriodSeconds: 5 }), (fixture) => {
      fixture.processesObey = false;
    });
    await pod.settle();
    const stopped = pod.worker.stop();
    await pod.clock.advance(4_999);
    expect(pod.newest("p/app").signals).toEqual(["SIGTERM"]);
    expect(pod.newest("p/proxy").signals).toEqual([]);
    expect(pod.status()).toMatchObject({ ready: false, reason: "pod is being terminated" });
    await pod.clock.advance(1);
    expect(pod.newest("p/app").signals).toEqual(["SIGTERM", "SIGKILL"]);
    expect(pod.newest("p/proxy").signals).toEqual(["SIGTERM"]);
    await pod.clock.advance(22_000);
    await stopped;
    expect(pod.newest("p/proxy").signals).toEqual(["SIGTERM", "SIGKILL"]);
  });

  test("a grace of 0 kills at once", async () => {
    const pod = start(fakePod("p", { terminationGracePeriodSeconds: 0 }));
    await pod.settle();
    await pod.worker.stop();
    expect(pod.newest("p/app").signals).toEqual(["SIGKILL"]);
  });

  test("what cannot be removed stops nothing of the rest", async () => {
    const pod = start();
    await pod.settle();
    pod.failNext("identity.unregister");
    pod.failNext("network.destroy");
    await pod.worker.stop();
    expect(pod.events.slice(-3)).toEqual(["network.destroy p", "directories.remove p", "removed p"]);
  });
});

describe("a pod that cannot be made", () => {
  test("is tried again, and says why meanwhile", async () => {
    const pod = start(fakePod("p"), (fixture) => fixture.failNext("network.create", new Error("no bridge")));
    await pod.settle();
    expect(pod.worker.state).toEqual({ kind: "blocked", reason: "no bridge" });
    expect(pod.status()).toMatchObject({ phase: "pending", ready: false, reason: "no bridge" });
    await pod.clock.advance(1_000);
    expect(pod.worker.state).toEqual({ kind: "running" });
  });

  test("can be ended while it waits, and is cleaned up", async () => {
    const pod = start(fakePod("p"), (fixture) => fixture.failNext("directories.prepare"));
    await pod.settle();
    await pod.worker.stop();
    expect(pod.events).toEqual([
      "directories.prepare p",
      "identity.unregister uid-p",
      "network.destroy p",
      "directories.remove p",
      "removed p",
    ]);
    expect(pod.clock.pendingTimersMs).toEqual([]);
  });

  test("can be ended in the middle of its making: no process is started any more", async () => {
    const pod = start();
    const letGo = pod.hold("network.create");
    await pod.settle();
    const stopped = pod.worker.stop();
    letGo();
    await stopped;
    expect(pod.processes).toEqual([]);
    expect(pod.events.at(-1)).toBe("removed p");
  });

  test("can be ended while its proxy is not ready: no container is started", async () => {
    const pod = start(fakePod("p"), (fixture) => {
      fixture.proxiesBecomeReady = false;
    });
    await pod.settle();
    await pod.worker.stop();
    expect(pod.processes.map(({ name }) => name)).toEqual(["p/proxy"]);
    expect(pod.newest("p/proxy").signals).toEqual(["SIGTERM"]);
  });
});

describe("a proxy that ends", () => {
  test("comes back with its own identity, and leaves the application alone", async () => {
    const pod = start();
    await pod.settle();
    pod.newest("p/proxy").end({ code: 1 });
    await pod.settle();
    expect(pod.status()).toMatchObject({ ready: false, reason: "proxy ended with exit code 1" });
    expect(pod.status()).not.toHaveProperty("proxy");
    await pod.clock.advance(100);
    expect(pod.events.slice(-3)).toEqual(["proxy.start p", "identity.register uid-p 102", "proxy.ready p"]);
    expect(pod.status()).toMatchObject({ ready: true, proxy: { pid: 102, restarts: 1 } });
    expect(pod.newest("p/app").signals).toEqual([]);
    expect(pod.events.filter((event) => event.startsWith("container.start"))).toHaveLength(1);
  });

  test("that cannot be registered is killed, and tried again later", async () => {
    const pod = start(fakePod("p"), (fixture) => fixture.failNext("identity.register", new Error("agent is away")));
    await pod.settle();
    expect(pod.newest("p/proxy").signals).toEqual(["SIGKILL"]);
    expect(pod.status()).toMatchObject({ ready: false, reason: "proxy agent is away" });
    expect(pod.events).not.toContain("container.start p/app run");
    await pod.clock.advance(100);
    expect(pod.status()?.ready).toBe(true);
  });

  test("that cannot become ready is killed, and tried again", async () => {
    const pod = start(fakePod("p"), (fixture) => fixture.failNext("proxy.ready"));
    await pod.settle();
    expect(pod.newest("p/proxy").signals).toEqual(["SIGKILL"]);
    await pod.clock.advance(100);
    expect(pod.status()?.ready).toBe(true);
  });

  test("is not started again while the pod ends", async () => {
    const pod = start();
    await pod.settle();
    pod.processesObey = false;
    const stopped = pod.worker.stop();
    pod.newest("p/app").end({ code: 0 });
    pod.newest("p/proxy").end({ code: 0 });
    await pod.settle();
    await stopped;
    expect(pod.events.filter((event) => event === "proxy.start p")).toHaveLength(1);
  });
});

describe("a container", () => {
  test("that ends is started again, later each time, and counted", async () => {
    const pod = start();
    await pod.settle();
    pod.newest("p/app").end({ code: 3 });
    await pod.settle();
    expect(pod.status()?.containers).toEqual([
      {
        name: "app",
        ready: false,
        restartCount: 0,
        state: "waiting",
        reason: "back-off restarting: ended with exit code 3",
        exitCode: 3,
      },
    ]);
    expect(pod.status()?.reason).toBe("container app: back-off restarting: ended with exit code 3");
    await pod.clock.advance(1_000);
    expect(pod.status()).toMatchObject({ ready: true, containers: [{ restartCount: 1, state: "running" }] });
  });

  test("whose image nobody knows waits and says so; its neighbours run", async () => {
    const [app] = fakePod("p").containers;
    if (!app) throw new Error("no container");
    const { command: _none, ...rest } = app;
    const pod = start(fakePod("p", { containers: [app, { ...rest, name: "other", image: "unknown" }] }));
    await pod.settle();
    expect(pod.status()).toMatchObject({
      phase: "pending",
      ready: false,
      reason: "container other: back-off restarting: image unknown is unknown",
    });
    expect(pod.newest("p/app").signals).toEqual([]);
  });

  test("with a probe is ready when the probe says so, and again after a restart", async () => {
    const pod = start(probed, (fixture) => {
      fixture.probe = { ok: false, reason: "refused" };
    });
    await pod.settle();
    expect(pod.status()).toMatchObject({
      phase: "running",
      ready: false,
      reason: "container app: readiness probe failed: refused",
    });
    pod.probe = { ok: true };
    await pod.clock.advance(10_000);
    expect(pod.status()?.ready).toBe(true);
    pod.probe = { ok: false, reason: "refused" };
    pod.newest("p/app").end({ code: 1 });
    await pod.clock.advance(1_000);
    expect(pod.status()?.ready).toBe(false);
    await pod.worker.stop();
    expect(pod.clock.pendingTimersMs).toEqual([]);
  });

  test("keeps its ready word while the probe fails fewer times than allowed", async () => {
    const pod = start(probed);
    await pod.settle();
    pod.probe = { ok: false, reason: "slow" };
    await pod.clock.advance(20_000);
    expect(pod.status()?.ready).toBe(true);
    await pod.clock.advance(10_000);
    expect(pod.status()).toMatchObject({ ready: false, reason: "container app: readiness probe failed: slow" });
  });
});
