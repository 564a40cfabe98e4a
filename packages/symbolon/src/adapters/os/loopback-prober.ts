import { connect } from "node:net";
import { type Clock, errorText } from "@symbolon/spiffe/core";
import type { ProbeResult, Prober } from "../../pod-runtime/index.ts";
import { httpExchange, httpRequest } from "./http-probe.ts";
import type { LoopbackPods } from "./loopback-pods.ts";
import { plainExec } from "./plain-exec.ts";
import { signalGroup } from "./process-registry.ts";

export interface LoopbackProberOptions {
  readonly clock: Clock;
  readonly pods: LoopbackPods;
  readonly podDirectory: (podUid: string) => string;
}

const LOOPBACK = "127.0.0.1";

/** Readiness probes of programs that listen on this machine's loopback; they do not pass the proxy, as in Istio. */
export function createLoopbackProber({ clock, pods, podDirectory }: LoopbackProberOptions): Prober {
  return {
    async probe(pod, container, _process, { action, timeoutSeconds }) {
      const deadlineMs = clock.monotonicMs() + timeoutSeconds * 1000;
      const late: ProbeResult = { ok: false, reason: `no answer within ${timeoutSeconds} s` };
      try {
        if (action.kind === "exec")
          return await probeByCommand(
            plainExec({ podDirectory: podDirectory(pod.uid), container: container.name, command: action.command }),
            timeoutSeconds,
            clock,
          );
        const port = pods.applicationPort(pod.uid, action.port);
        if (action.kind === "tcp") return await probeByConnection(port, deadlineMs, late, clock);
        const request = httpRequest(pod.address, action.port, action.path);
        return await httpExchange({ hostname: LOOPBACK, port }, request, clock, deadlineMs, late);
      } catch (error) {
        return { ok: false, reason: errorText(error) };
      }
    },
  };
}

function probeByConnection(port: number, deadlineMs: number, late: ProbeResult, clock: Clock): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host: LOOPBACK, port });
    const timer = clock.setTimer(deadlineMs - clock.monotonicMs(), () => finish(late));
    const finish = (result: ProbeResult): void => {
      resolve(result);
      timer.cancel();
      socket.destroy();
    };
    socket.once("connect", () => finish({ ok: true }));
    socket.on("error", () => finish({ ok: false, reason: `connection to port ${port} refused` }));
  });
}

async function probeByCommand(
  { argv, env, workingDirectory }: ReturnType<typeof plainExec>,
  timeoutSeconds: number,
  clock: Clock,
): Promise<ProbeResult> {
  const child = Bun.spawn([...argv], {
    env: { ...env },
    ...(workingDirectory === undefined ? {} : { cwd: workingDirectory }),
    detached: true,
    stdio: ["ignore", "ignore", "ignore"],
  });
  let late = false;
  const timer = clock.setTimer(timeoutSeconds * 1000, () => {
    late = true;
    signalGroup(child.pid, "SIGKILL");
  });
  const status = await child.exited;
  timer.cancel();
  if (late) return { ok: false, reason: `no end within ${timeoutSeconds} s` };
  return status === 0 ? { ok: true } : { ok: false, reason: `command ended with exit code ${status}` };
}
