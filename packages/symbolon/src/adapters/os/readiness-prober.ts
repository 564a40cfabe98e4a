import { closeSync } from "node:fs";
import { type Clock, errorText, sleep } from "@symbolon/spiffe/core";
import type { ReadinessProbe } from "../../mesh/index.ts";
import type { ProbeResult, Prober } from "../../pod-runtime/index.ts";
import { loadContainerSpec } from "./container-spec.ts";
import { execInContainer } from "./exec-in-pod.ts";
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

/** An answer of this many bytes without a complete status line is not HTTP. */
const MAX_STATUS_LINE = 1024;
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
    return exchange(fd, httpRequest(address, action.port, action.path), clock, deadlineMs, late);
  closeSync(fd);
  if (state === "connecting") return late;
  return state === "connected" ? { ok: true } : { ok: false, reason: `connection to port ${action.port} refused` };
}

function httpRequest(address: string, port: number, path: string): string {
  const target = path.startsWith("/") ? path : `/${path}`;
  return `GET ${target} HTTP/1.1\r\nHost: ${address}:${port}\r\nUser-Agent: kube-probe/symbolon\r\nAccept: */*\r\nConnection: close\r\n\r\n`;
}

/** Takes over an established connection. */
function exchange(
  fd: number,
  request: string,
  clock: Clock,
  deadlineMs: number,
  late: ProbeResult,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    let answer = "";
    let socket: Bun.Socket | undefined;
    const timer = clock.setTimer(deadlineMs - clock.monotonicMs(), () => finish(late));
    const finish = (result: ProbeResult): void => {
      // First: terminate() calls close().
      resolve(result);
      timer.cancel();
      socket?.terminate();
    };
    const broken = (): void => finish({ ok: false, reason: "connection closed without an answer" });
    const options: AdoptedSocketOptions = {
      fd,
      socket: {
        open(opened) {
          socket = opened;
          opened.write(request);
        },
        data(_socket, chunk) {
          answer += chunk.toString("latin1");
          const result = httpResult(answer);
          if (result) finish(result);
        },
        close: broken,
        error: broken,
      },
    };
    // Bun.connect takes a descriptor (runtime-facts §3); its types do not say so.
    Bun.connect(options as unknown as Bun.TCPSocketConnectOptions<undefined>).catch(broken);
  });
}

interface AdoptedSocketOptions {
  readonly fd: number;
  readonly socket: Bun.SocketHandler<undefined>;
}

/** Kubernetes: any status from 200 to 399 is success. */
function httpResult(answer: string): ProbeResult | undefined {
  const end = answer.indexOf("\r\n");
  if (end < 0 && answer.length < MAX_STATUS_LINE) return undefined;
  const status = Number(/^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(answer.slice(0, Math.max(end, 0)))?.[1]);
  if (!Number.isInteger(status)) return { ok: false, reason: "the answer is not HTTP/1" };
  return status >= 200 && status < 400 ? { ok: true } : { ok: false, reason: `HTTP status ${status}` };
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
