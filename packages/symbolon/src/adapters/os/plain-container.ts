import { resolve } from "node:path";
import { productError } from "../../core/index.ts";
import type { CommandResolver, ContainerStarter } from "../../pod-runtime/index.ts";
import { saveContainerProcess, saveContainerSpec } from "./container-spec.ts";
import { endpointVariable } from "./endpoint-variable.ts";
import type { LoopbackPods } from "./loopback-pods.ts";
import { startPlainProcess } from "./plain-process.ts";
import { podLayout } from "./pod-directory.ts";
import type { ProcessRegistry } from "./process-registry.ts";

export interface PlainContainersOptions {
  readonly pods: LoopbackPods;
  readonly registry: ProcessRegistry;
  readonly resolveCommand: CommandResolver;
  readonly podDirectory: (podUid: string) => string;
  /** Where the pod's Workload API listens. */
  readonly workloadSocket: (podUid: string) => string;
  readonly logFile: (
    pod: { readonly uid: string; readonly name: string; readonly namespace: string },
    container: string,
  ) => string;
  readonly uid: number;
  /** What every container's environment starts from (PATH, HOME, LANG of the user who started the mesh). */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  readonly defaultWorkingDirectory: string;
}

/**
 * Starts containers as processes of the user on this machine, with nothing between them and it. The environment, with the
 * secret of the pod's proxy in it, is handed to the program itself and shows in no command line.
 */
export function createPlainContainers(options: PlainContainersOptions): ContainerStarter {
  return {
    async start(pod, container) {
      const argv = options.resolveCommand(options.pods.placed(pod, container));
      const environment: Record<string, string> = {
        ...options.baseEnvironment,
        HOSTNAME: pod.name,
        // Programs that are built in listen here; what a program of the user's listens on is its own affair.
        SYMBOLON_LISTEN_ADDRESS: "127.0.0.1",
        ...options.pods.environment(pod.uid),
        ...endpointVariable(options.workloadSocket(pod.uid)),
      };
      for (const { name, value } of container.env) environment[name] = value;
      const workingDirectory = container.workingDirectory ?? options.defaultWorkingDirectory;
      const { containers } = podLayout(options.podDirectory(pod.uid));
      saveContainerSpec(containers, container.name, { environment, workingDirectory, uid: options.uid });
      try {
        const started = startPlainProcess(
          {
            argv: [programPath(argv[0] ?? "", workingDirectory), ...argv.slice(1)],
            env: environment,
            logFile: options.logFile(pod, container.name),
            workingDirectory,
            searchPath: environment.PATH ?? "",
          },
          options.registry,
        );
        saveContainerProcess(containers, container.name, { pid: started.pid, startTicks: started.startTicks });
        return started;
      } catch (cause) {
        throw productError(
          "ERR_CONTAINER_START",
          `container "${container.name}" cannot be started: ${(cause as Error).message}`,
          { cause },
        );
      }
    },
  };
}

/** A name is looked up in PATH; what has a slash is relative to where the program starts. */
export function programPath(program: string, workingDirectory: string): string {
  return program.includes("/") ? resolve(workingDirectory, program) : program;
}
