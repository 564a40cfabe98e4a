import { closeSync } from "node:fs";
import { type Clock, errorText, sleep } from "@symbolon/spiffe/core";
import type { ReadinessProbe } from "../../mesh/index.ts";
import type { ProbeResult, Prober } from "../../pod-runtime/index.ts";
import { loadContainerSpec } from "./container-spec.ts";
import { execInContainer } from "./exec-in-pod.ts";
import { httpExchange, httpRequest } from "./http-probe.ts";
import { connectInNamespace, connectionState } from "./namespace-socket.ts";
import { podNamespaces } from "./pod-addresses.ts";
import { podLayout } from "./pod-directory.ts";
import { childProcesses } from "./process-stat.ts";
import { systemProgram } from "./run-command.ts";

export interface ProberOptions {
  readonly clock: Clock;
  readonly namespacesDirectory: string;
  readonly podDirectory: (podUid: string) => string;
}

const CONNECT_POLL_MS = 10;

/** Readiness probes as a kubelet makes them, from inside the pod: STRICT concerns them as little as in Istio. */
export function createReadinessProber(options: ProberOptions): Prober {
  return {
    async probe(pod, container, process, probe) {
      const { action } = probe;
      try {
        if (action.kind === "exec")
          return await probeByCommand(options, pod.uid, container.name, process.pid, probe, action.command);
        const { application } = podNamespaces(options.namespacesDirectory, pod.uid);
        return await probeByConnection(application, pod.address, probe, action, options.clock);
      } catch (error) {
        return { ok: false, reason: errorText(error) };
      }
    },
  };
}

type ConnectionAction = Exclude<ReadinessProbe["action"], { readonly kind: "exec" }>;

async function probeByConnection(
  namespace: string,
  address: string,
  probe: ReadinessProbe,
  action: ConnectionAction,
  clock: Clock,
): Promise<ProbeResult> {
  const deadlineMs = clock.monotonicMs() + probe.timeoutSeconds * 1000;
  const late: ProbeResult = { ok: false, reason: `no answer within ${probe.timeoutSeconds} s` };
  const fd = connectInNamespace(namespace, address, action.port);
  let state = connectionState(fd);
  while (state === "connecting" && clock.monotonicMs() < deadlineMs) {
    await sleep(clock, CONNECT_POLL_MS);
    state = connectionState(fd);
  }
  if (state === "connected" && action.kind === "http")
    return httpExchange({ fd }, httpRequest(address, action.port, action.path), clock, deadlineMs, late);
  closeSync(fd);
  if (state === "connecting") return late;
  return state === "connected" ? { ok: true } : { ok: false, reason: `connection to port ${action.port} refused` };
}

async function probeByCommand(
  options: ProberOptions,
  podUid: string,
  container: string,
  pid: number,
  probe: ReadinessProbe,
  command: readonly string[],
): Promise<ProbeResult> {
  const spec = loadContainerSpec(podLayout(options.podDirectory(podUid)).containers, container);
  const { argv, env } = execInContainer(pid, spec, command);
  const [program = "", ...rest] = argv;
  const child = Bun.spawn([systemProgram(program) ?? program, ...rest], {
    env: { ...env },
    stdio: ["ignore", "ignore", "ignore"],
  });
  let late = false;
  const timer = options.clock.setTimer(probe.timeoutSeconds * 1000, () => {
    late = true;
    // nsenter waits for the command that it has forked into the container: killed itself, it would leave it behind.
    for (const pid of childProcesses(child.pid)) process.kill(pid, "SIGKILL");
  });
  const status = await child.exited;
  timer.cancel();
  if (late) return { ok: false, reason: `no end within ${probe.timeoutSeconds} s` };
  return status === 0 ? { ok: true } : { ok: false, reason: `command ended with exit code ${status}` };
}
