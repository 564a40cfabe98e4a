import { productError } from "../../core/index.ts";
import { finalCommand, finalCommandVariables } from "./container-script.ts";
import { type ContainerSpec, loadContainerSpec } from "./container-spec.ts";
import { hostPidOf } from "./launch-supervisor.ts";
import { podLayout } from "./pod-directory.ts";
import { SYSTEM_PATH } from "./run-command.ts";

export interface ExecCommand {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absent: the command line takes care of it, or it does not matter. */
  readonly workingDirectory?: string;
}

export interface ExecInPodOptions {
  readonly supervisorHostPid: number;
  /** `ContainerStatus.pid`: the container's first process, as the mesh knows it. */
  readonly containerPid: number;
  /** `paths.podRuntime(uid).directory`. */
  readonly podDirectory: string;
  readonly container: string;
  readonly command: readonly string[];
  /** Added to the container's own, e.g. TERM of the user's terminal. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Command line that runs `command` in a container, from the host, as the user who started the mesh. */
export function execInPod(options: ExecInPodOptions): ExecCommand {
  const { supervisorHostPid, containerPid } = options;
  const pid = hostPidOf(supervisorHostPid, containerPid);
  if (pid === undefined) throw productError("ERR_PROCESS_NOT_FOUND", `container "${options.container}" is not running`);
  const spec = loadContainerSpec(podLayout(options.podDirectory).containers, options.container);
  const environment = { ...options.environment, ...spec.environment };
  const inside = execInContainer(pid, { ...spec, environment }, options.command);
  // Root of the mesh first: only it may enter the namespaces that belong to the mesh.
  const enterMesh = ["nsenter", `--user=/proc/${supervisorHostPid}/ns/user`, "--preserve-credentials", "--"];
  return { argv: [...enterMesh, ...inside.argv], env: inside.env };
}

/** The same from within the mesh, for probes. `pid`: as the calling process's /proc shows it. */
export function execInContainer(pid: number, spec: ContainerSpec, command: readonly string[]): ExecCommand {
  const variableCount = Object.keys(spec.environment).length;
  const final = finalCommand({ variableCount, argumentCount: command.length, announce: false });
  return {
    argv: [
      "nsenter",
      `--target=${pid}`,
      ...["--mount", "--uts", "--ipc", "--net", "--pid", "--user", "--preserve-credentials", "--"],
      ...withoutPrivileges(spec.uid),
      ...["/bin/sh", "-c", final],
    ],
    env: { PATH: SYSTEM_PATH, LC_ALL: "C", ...finalCommandVariables({ ...spec, argv: command }) },
  };
}

/**
 * Executing as anyone but uid 0 has already taken the capabilities that entering gave, so that the bounding set can no
 * longer be changed, nor matters; uid 0 would keep them.
 */
function withoutPrivileges(uid: number): readonly string[] {
  const bounding = uid === 0 ? ["--bounding-set=-all"] : [];
  return ["setpriv", "--no-new-privs", ...bounding, "--inh-caps=-all", "--"];
}
