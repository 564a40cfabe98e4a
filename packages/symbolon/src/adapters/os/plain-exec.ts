import { loadContainerSpec } from "./container-spec.ts";
import type { ExecCommand } from "./exec-in-pod.ts";
import { programPath } from "./plain-container.ts";
import { podLayout } from "./pod-directory.ts";

export interface PlainExecOptions {
  readonly podDirectory: string;
  readonly container: string;
  readonly command: readonly string[];
  /** Added to the container's own. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Command line that runs `command` as a container's program would run: same environment, same directory. */
export function plainExec({ podDirectory, container, command, environment }: PlainExecOptions): ExecCommand {
  const spec = loadContainerSpec(podLayout(podDirectory).containers, container);
  const [name = "", ...rest] = command;
  return {
    argv: [programPath(name, spec.workingDirectory), ...rest],
    env: { ...environment, ...spec.environment },
    workingDirectory: spec.workingDirectory,
  };
}
