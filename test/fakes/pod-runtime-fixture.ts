/** Pods without a kernel: every port of the pod runtime notes what it was asked, and does what the test says. */
import { silentLog } from "@symbolon/spiffe/core";
import { createFakeClock, type FakeClock } from "@symbolon/spiffe/testing";
import type { Pod, PodStatus } from "../../packages/symbolon/src/mesh/index.ts";
import type {
  PodRuntimePorts,
  ProbeResult,
  ProcessExit,
  RunningProcess,
} from "../../packages/symbolon/src/pod-runtime/index.ts";

export interface FakeProcess extends RunningProcess {
  readonly name: string;
  readonly signals: readonly string[];
  end(exit: ProcessExit): void;
}

export interface PodRuntimeFixture {
  readonly ports: PodRuntimePorts;
  readonly clock: FakeClock;
  /** What happened, in order. */
  readonly events: readonly string[];
  readonly statuses: ReadonlyMap<string, PodStatus>;
  /** Every process that was started; the newest of a name last. */
  readonly processes: readonly FakeProcess[];
  newest(name: string): FakeProcess;
  /** Fails the next call of this name, such as "network.create" or "proxy.start". */
  failNext(call: string, error?: Error): void;
  /** Whether proxies become ready by themselves; true at first. */
  proxiesBecomeReady: boolean;
  /** Whether SIGTERM ends a process; true at first. */
  processesObey: boolean;
  probe: ProbeResult;
  /** Calls of this name wait until they are let go. */
  hold(call: string): () => void;
  /** Lets everything that is ready run. */
  settle(): Promise<void>;
}

export function createPodRuntimeFixture(): PodRuntimeFixture {
  const clock = createFakeClock();
  const events: string[] = [];
  const statuses = new Map<string, PodStatus>();
  const processes: FakeProcess[] = [];
  const failures = new Map<string, Error>();
  const gates = new Map<string, Promise<void>>();
  let pids = 100;

  const call = async (name: string, subject: string): Promise<void> => {
    events.push(`${name} ${subject}`);
    await gates.get(name);
    const failure = failures.get(name);
    failures.delete(name);
    if (failure) throw failure;
  };

  const createProcess = (name: string): FakeProcess => {
    const { promise, resolve } = Promise.withResolvers<ProcessExit>();
    const signals: string[] = [];
    const pid = pids++;
    const process: FakeProcess = {
      name,
      pid,
      startTicks: pid * 10,
      exited: promise,
      signals,
      end: resolve,
      signal(signal) {
        signals.push(signal);
        events.push(`${signal} ${name}`);
        if (signal === "SIGKILL" || fixture.processesObey) resolve({ code: signal === "SIGTERM" ? 143 : 137, signal });
      },
      handlesTerm: () => true,
    };
    processes.push(process);
    return process;
  };

  const ports: PodRuntimePorts = {
    clock,
    log: silentLog,
    network: {
      createPod: (pod) => call("network.create", pod.name),
      destroyPod: (pod) => call("network.destroy", pod.name),
    },
    directories: {
      prepare: (pod) => call("directories.prepare", pod.name),
      remove: (pod) => call("directories.remove", pod.name),
    },
    proxy: {
      async start(pod) {
        await call("proxy.start", pod.name);
        return createProcess(`${pod.name}/proxy`);
      },
      async ready(pod, signal) {
        await call("proxy.ready", pod.name);
        if (fixture.proxiesBecomeReady) return;
        await new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(new Error("aborted")), { once: true }),
        );
      },
    },
    containers: {
      async start(pod, container, argv) {
        await call("container.start", `${pod.name}/${container.name} ${argv.join(" ")}`.trim());
        return createProcess(`${pod.name}/${container.name}`);
      },
    },
    resolveCommand: (container) => {
      if (container.image === "unknown") throw new Error(`image ${container.image} is unknown`);
      return container.command ?? [];
    },
    prober: { probe: async () => fixture.probe },
    identities: {
      register: (uid, { pid }) => call("identity.register", `${uid} ${pid}`),
      unregister: (uid) => call("identity.unregister", uid),
    },
    statuses: {
      report: (pod, status) => {
        statuses.set(pod.uid, status);
      },
      removed: (pod) => {
        statuses.delete(pod.uid);
        events.push(`removed ${pod.name}`);
      },
    },
  };

  const fixture: PodRuntimeFixture = {
    ports,
    clock,
    events,
    statuses,
    processes,
    proxiesBecomeReady: true,
    processesObey: true,
    probe: { ok: true },
    newest(name) {
      const found = processes.findLast((process) => process.name === name);
      if (!found) throw new Error(`no process ${name} was started`);
      return found;
    },
    failNext(name, error = new Error(`${name} failed`)) {
      failures.set(name, error);
    },
    hold(name) {
      const { promise, resolve } = Promise.withResolvers<void>();
      gates.set(name, promise);
      return () => {
        gates.delete(name);
        resolve();
      };
    },
    settle: () => clock.advance(0),
  };
  return fixture;
}

export function fakePod(name: string, options: Partial<Pod> = {}): Pod {
  return {
    uid: `uid-${name}`,
    name,
    namespace: "foo",
    labels: {},
    serviceAccount: "default",
    sidecar: true,
    address: "10.244.0.2",
    containers: [{ name: "app", image: "i", command: ["run"], args: [], env: [], ports: [] }],
    terminationGracePeriodSeconds: 30,
    ...options,
  };
}
