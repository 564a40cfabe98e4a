import type { MeshConfig } from "../app/index.ts";

type RunProcess = (config: MeshConfig, detail: string) => Promise<number>;

/** Processes of a mesh by role, started by the launcher and the supervisor. Each loads what it needs and nothing else. */
export const MESH_PROCESSES: Readonly<Record<string, RunProcess>> = {
  launcher: async (config, dashboard) =>
    (await import("../app/launcher.ts")).runLauncher(config, JSON.parse(dashboard) ?? undefined),
  supervisor: async (config) => (await import("../app/supervisor.ts")).runSupervisor(config),
  "control-plane": async (config) => (await import("../app/control-plane.ts")).runControlPlane(config),
  agent: async (config) => (await import("../app/agent.ts")).runAgent(config),
  "host-agent": async (config) => (await import("../app/host-agent.ts")).runHostAgent(config),
  proxy: async (config, podUid) => (await import("../app/proxy.ts")).runProxy(config, podUid),
};

/** The process that a command line is about; undefined: it is about a command. */
export function meshProcess([first, role = "", config, detail = ""]: readonly string[]):
  | (() => Promise<number>)
  | undefined {
  const run = first === "internal" && Object.hasOwn(MESH_PROCESSES, role) ? MESH_PROCESSES[role] : undefined;
  return run && config !== undefined ? () => run(JSON.parse(config) as MeshConfig, detail) : undefined;
}
