import { type Clock, errorText, type Log, sleep } from "@symbolon/spiffe/core";
import type { Container, Pod, PodStatus } from "../mesh/index.ts";
import { keepRunning, type SupervisedState, terminateProcess } from "./keep-running.ts";
import { type ContainerState, type PodState, type ProxyState, podStatus } from "./pod-state.ts";
import type {
  CommandResolver,
  ContainerStarter,
  IdentityRegistrar,
  PodDirectories,
  Prober,
  ProxyStarter,
  RunningProcess,
  SandboxNetwork,
  StatusReporter,
} from "./ports.ts";
import { watchReadiness } from "./readiness.ts";
import { createRestartBackoff, OWN_PROCESS_BACKOFF } from "./restart-backoff.ts";

export interface PodRuntimePorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly network: SandboxNetwork;
  readonly directories: PodDirectories;
  readonly proxy: ProxyStarter;
  readonly containers: ContainerStarter;
  readonly resolveCommand: CommandResolver;
  readonly prober: Prober;
  readonly identities: IdentityRegistrar;
  readonly statuses: StatusReporter;
}

export interface PodWorker {
  readonly pod: Pod;
  readonly state: PodState;
  /** Ends containers, proxy and network of the pod. May be called twice. */
  stop(): Promise<void>;
}

/** A proxy closes its listeners at once and needs this long for requests that are under way. */
const PROXY_GRACE_MS = 22_000;
/** Proxies are ours and start in a fraction of a second: their first restart need not wait as long as an application's. */

/**
 * Brings one pod to life and keeps it there until `stop`.
 * @param enterCreation bounds how many pods are being created at the same time
 */
export function startPodWorker(
  pod: Pod,
  ports: PodRuntimePorts,
  enterCreation: <T>(create: () => Promise<T>) => Promise<T>,
): PodWorker {
  const { clock } = ports;
  const log = (event: string, fields: Record<string, unknown> = {}): void =>
    ports.log.info(event, { pod: pod.name, namespace: pod.namespace, ...fields });
  const startTime = clock.now().toISOString();
  const containers = new Map<string, ContainerState>();
  const stopping = new AbortController();
  const proxyStopping = new AbortController();
  let state: PodState = { kind: "creating" };
  let proxy: ProxyState = { kind: "absent" };
  let reported = "";
  let proxyReady: () => void = () => undefined;
  const firstProxyReady = new Promise<void>((resolve) => {
    proxyReady = resolve;
  });

  const life = live();
  let ended: Promise<void> | undefined;
  return {
    pod,
    get state() {
      return state;
    },
    stop() {
      stopping.abort();
      ended ??= life;
      return ended;
    },
  };

  async function live(): Promise<void> {
    report();
    if (await createSandbox()) {
      const proxyLife = keepProxyRunning();
      await Promise.race([firstProxyReady, aborted(stopping.signal)]);
      if (!stopping.signal.aborted) {
        enter({ kind: "running" });
        const lives = pod.containers.map((container) => keepContainerRunning(container));
        await aborted(stopping.signal);
        enter({ kind: "terminating" });
        await Promise.all(lives);
      }
      enter({ kind: "terminating" });
      proxyStopping.abort();
      await proxyLife;
    }
    await removeSandbox();
    state = { kind: "removed" };
    ports.statuses.removed(pod);
    log("pod removed");
  }

  async function createSandbox(): Promise<boolean> {
    const backoff = createRestartBackoff();
    while (!stopping.signal.aborted) {
      try {
        await enterCreation(async () => {
          if (stopping.signal.aborted) return;
          await ports.directories.prepare(pod);
          await ports.network.createPod(pod);
        });
        if (stopping.signal.aborted) break;
        enter({ kind: "starting_proxy" });
        return true;
      } catch (error) {
        ports.log.error("pod cannot be created", { pod: pod.name, namespace: pod.namespace, error });
        enter({ kind: "blocked", reason: errorText(error) });
        await sleep(clock, backoff.next(0), stopping.signal);
      }
    }
    return false;
  }

  async function removeSandbox(): Promise<void> {
    for (const remove of [
      () => ports.identities.unregister(pod.uid),
      () => ports.network.destroyPod(pod),
      () => ports.directories.remove(pod),
    ])
      await remove().catch((error: unknown) =>
        ports.log.warn("pod was not removed completely", { pod: pod.name, namespace: pod.namespace, error }),
      );
  }

  /** An end of the proxy leaves the containers alone; the next one is registered before it can ask for its identity. */
  function keepProxyRunning(): Promise<void> {
    let watching: AbortController | undefined;
    return keepRunning({
      clock,
      signal: proxyStopping.signal,
      backoff: createRestartBackoff(OWN_PROCESS_BACKOFF),
      start: () => ports.proxy.start(pod),
      terminate: (process) => terminateProcess(process, PROXY_GRACE_MS, clock),
      async onState(next) {
        if (next.kind !== "running") watching?.abort();
        if (next.kind === "running") {
          const { pid, startTicks } = next.process;
          const facts = { pid, startTicks, restarts: next.restarts };
          proxy = { kind: "starting", ...facts };
          report();
          await ports.identities.register(pod.uid, { pid, startTicks });
          watching = new AbortController();
          void watchProxy(next.process, facts, watching.signal);
        } else if (next.kind === "backing_off") {
          proxy = { kind: "backing_off", reason: next.reason, restarts: next.restarts };
          ports.log.warn("proxy ended", { pod: pod.name, namespace: pod.namespace, reason: next.reason });
          report();
        } else if (next.kind === "stopped") proxy = { kind: "absent" };
      },
    });
  }

  async function watchProxy(
    process: RunningProcess,
    facts: { readonly pid: number; readonly startTicks: number; readonly restarts: number },
    signal: AbortSignal,
  ): Promise<void> {
    try {
      await ports.proxy.ready(pod, signal);
      if (signal.aborted) return;
      proxy = { kind: "ready", ...facts };
      report();
      proxyReady();
    } catch (error) {
      if (signal.aborted) return;
      ports.log.error("proxy does not become ready", { pod: pod.name, namespace: pod.namespace, error });
      process.signal("SIGKILL");
    }
  }

  function keepContainerRunning(container: Container): Promise<void> {
    let watching: AbortController | undefined;
    let exitCode: number | undefined;
    return keepRunning({
      clock,
      signal: stopping.signal,
      // Async, so that an unknown image is a failed start and not the end of the pod.
      start: async () => ports.containers.start(pod, container, ports.resolveCommand(container)),
      terminate: async (process) => {
        await terminateProcess(process, pod.terminationGracePeriodSeconds * 1000, clock);
        exitCode = (await process.exited).code;
      },
      onState(next) {
        if (next.kind !== "running") watching?.abort();
        containers.set(container.name, containerState(next, container, exitCode));
        if (next.kind === "backing_off")
          log("container ended", { container: container.name, reason: next.reason, delayMs: next.delayMs });
        report();
        const probe = container.readinessProbe;
        if (next.kind !== "running" || !probe) return;
        watching = new AbortController();
        const { process, restarts } = next;
        void watchReadiness(
          probe,
          () => ports.prober.probe(pod, container, process, probe),
          (ready, reason) => {
            const unready = reason === undefined ? {} : { reason };
            containers.set(container.name, { kind: "running", pid: process.pid, restarts, ready, ...unready });
            report();
          },
          { clock, signal: watching.signal },
        );
      },
    });
  }

  function enter(next: PodState): void {
    if (state.kind === next.kind && next.kind !== "blocked") return;
    state = next;
    log("pod state", { state: next.kind });
    report();
  }

  function report(): void {
    const status: PodStatus = podStatus({ pod, startTime, state, proxy, containers });
    const text = JSON.stringify(status);
    if (text === reported) return;
    reported = text;
    ports.statuses.report(pod, status);
  }
}

function containerState(next: SupervisedState, container: Container, lastExitCode: number | undefined): ContainerState {
  switch (next.kind) {
    case "starting":
      return { kind: "waiting", reason: "being started", restarts: next.restarts };
    case "running":
      return {
        kind: "running",
        pid: next.process.pid,
        restarts: next.restarts,
        ...(container.readinessProbe
          ? { ready: false, reason: "readiness probe has not succeeded yet" }
          : { ready: true }),
      };
    case "backing_off":
      return {
        kind: "backing_off",
        reason: next.reason,
        restarts: next.restarts,
        ...(next.exit ? { exitCode: next.exit.code } : {}),
      };
    case "stopped":
      return {
        kind: "terminated",
        restarts: next.restarts,
        ...(lastExitCode === undefined ? {} : { exitCode: lastExitCode }),
      };
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
