import { join } from "node:path";
import { type Log, systemClock } from "@symbolon/spiffe/core";
import { createProcessRegistry, startPlainProcess } from "../adapters/os/index.ts";
import { createRestartBackoff, keepRunning, OWN_PROCESS_BACKOFF, terminateProcess } from "../pod-runtime/index.ts";
import { type MeshConfig, PASSPHRASE_VARIABLE, pathsOf, workloadSocketOf } from "./mesh-config.ts";
import type { MeshProcessRecord } from "./mesh-processes.ts";
import { selfCommand } from "./self-command.ts";

export interface HostAgentProcess {
  /** Resolves when it has ended. */
  stop(): Promise<void>;
}

const GRACE_MS = 3000;

/**
 * Starts the agent of processes outside pods, and starts it again when it dies. It is a child of the launcher and not of
 * the supervisor: inside the mesh's PID namespace the kernel would not say who connects (ADR 18).
 */
export function keepHostAgent(config: MeshConfig, processes: MeshProcessRecord, log: Log): HostAgentProcess {
  const paths = pathsOf(config);
  const registry = createProcessRegistry(paths.hostProcessesDirectory);
  const stopping = new AbortController();
  const life = keepRunning({
    clock: systemClock,
    signal: stopping.signal,
    backoff: createRestartBackoff(OWN_PROCESS_BACKOFF),
    start: async () =>
      startPlainProcess(
        {
          argv: selfCommand("internal", "host-agent", JSON.stringify(config)),
          env: environment(),
          logFile: join(paths.logsDirectory, "host-agent.log"),
        },
        registry,
      ),
    terminate: (child) => terminateProcess(child, GRACE_MS, systemClock),
    onState(state) {
      if (state.kind === "running") {
        const { pid, startTicks } = state.process;
        processes.note({ hostAgent: { pid, startTicks, workloadSocket: workloadSocketOf(config) } });
      }
      if (state.kind === "backing_off")
        log.error("process ended and is started again", {
          role: "host-agent",
          reason: state.reason,
          delayMs: state.delayMs,
        });
    },
  });
  return {
    async stop() {
      stopping.abort();
      await life;
    },
  };
}

function environment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && entry[0] !== PASSPHRASE_VARIABLE,
    ),
  );
}
