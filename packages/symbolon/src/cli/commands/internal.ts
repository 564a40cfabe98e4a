import type { Command } from "commander";
import type { MeshConfig } from "../../app/index.ts";

/** Processes of a mesh, started by the launcher and the supervisor; hidden, because nobody types them. */
export function addInternalCommand(program: Command): void {
  const internal = program.command("internal", { hidden: true }).description("processes of a mesh");
  const add = (name: string, run: (config: MeshConfig, detail: string) => Promise<number>) =>
    internal.command(`${name} <config> [detail]`).action(async (config: string, detail = "") => {
      // Not by `exitCode`: what a start that failed half-way has opened must not keep the process.
      process.exit(await run(JSON.parse(config) as MeshConfig, detail));
    });
  add("launcher", async (config, dashboard) =>
    (await import("../../app/launcher.ts")).runLauncher(config, JSON.parse(dashboard) ?? undefined),
  );
  add("supervisor", async (config) => (await import("../../app/supervisor.ts")).runSupervisor(config));
  add("control-plane", async (config) => (await import("../../app/control-plane.ts")).runControlPlane(config));
  add("agent", async (config) => (await import("../../app/agent.ts")).runAgent(config));
  add("proxy", async (config, podUid) => (await import("../../app/proxy.ts")).runProxy(config, podUid));
}
