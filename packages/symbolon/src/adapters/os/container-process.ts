import { closeSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { productError } from "../../core/index.ts";
import type { ContainerStarter, RunningProcess } from "../../pod-runtime/index.ts";
import { CONTAINER_WORKLOAD_SOCKET, containerScript, finalCommandVariables, SETUP_DONE } from "./container-script.ts";
import { saveContainerSpec } from "./container-spec.ts";
import { endpointVariable } from "./endpoint-variable.ts";
import { type LoggedChild, runningProcess, spawnLogged } from "./mesh-process.ts";
import { podNamespaces } from "./pod-addresses.ts";
import { podLayout } from "./pod-directory.ts";
import { SYSTEM_PATH } from "./run-command.ts";

export interface ContainerStarterOptions {
  readonly namespacesDirectory: string;
  readonly hiddenDirectories: readonly string[];
  readonly podDirectory: (podUid: string) => string;
  readonly logFile: (
    pod: { readonly uid: string; readonly name: string; readonly namespace: string },
    container: string,
  ) => string;
  /** The user who started the mesh, as the host knows him. */
  readonly uid: number;
  readonly gid: number;
  /** What every container's environment starts from (PATH, HOME, LANG of that user). */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  /** Where a container without `workingDir` starts. */
  readonly defaultWorkingDirectory: string;
}

/** A container's own namespaces, made before its user namespace: they belong to the mesh, not to the application. */
const CONTAINER_NAMESPACES = ["--mount", "--propagation=private", "--uts", "--ipc"];

/** Starts containers in their pod's A. To be used by root of the mesh's user namespace. */
export function createContainerStarter(options: ContainerStarterOptions): ContainerStarter {
  return {
    async start(pod, container, argv) {
      const podDirectory = options.podDirectory(pod.uid);
      const environment: Record<string, string> = {
        ...options.baseEnvironment,
        HOSTNAME: pod.name,
        ...endpointVariable(CONTAINER_WORKLOAD_SOCKET),
      };
      for (const { name, value } of container.env) environment[name] = value;
      const workingDirectory = container.workingDirectory ?? options.defaultWorkingDirectory;
      const { containers } = podLayout(podDirectory);
      const script = join(containers, `${container.name}.sh`);
      writeFileSync(
        script,
        containerScript({
          ...options,
          podDirectory,
          podName: pod.name,
          argumentCount: argv.length,
          variableCount: Object.keys(environment).length,
        }),
        { mode: 0o600 },
      );
      saveContainerSpec(containers, container.name, { environment, workingDirectory, uid: options.uid });
      const { application } = podNamespaces(options.namespacesDirectory, pod.uid);
      const started = spawnLogged(
        ["nsenter", `--net=${application}`, "--", "unshare", ...CONTAINER_NAMESPACES, "--", "/bin/sh", "-eu", script],
        { PATH: SYSTEM_PATH, LC_ALL: "C", ...finalCommandVariables({ environment, argv, workingDirectory }) },
        options.logFile(pod, container.name),
        { isContainer: true },
      );
      return untilSetUp(started, container.name);
    },
  };
}

/** Resolves once the application is about to be executed: what fails before that is our setup, not its exit. */
async function untilSetUp({ child, setup }: LoggedChild, name: string): Promise<RunningProcess> {
  const said = setup === undefined ? "" : await setupMessage(setup);
  if (!said.endsWith(`${SETUP_DONE}\n`)) {
    child.kill("SIGKILL");
    await child.exited;
    throw productError(
      "ERR_CONTAINER_START",
      `container "${name}" cannot be set up: ${said.trim() || "it was killed"}`,
    );
  }
  return runningProcess(child, { firstOfNamespace: true });
}

async function setupMessage(fd: number): Promise<string> {
  let said = "";
  try {
    const decoder = new TextDecoder();
    for await (const chunk of Bun.file(fd).stream()) {
      said += decoder.decode(chunk, { stream: true });
      if (said.endsWith(`${SETUP_DONE}\n`)) break;
    }
  } finally {
    closeSync(fd);
  }
  return said;
}
