import type { Log } from "@symbolon/spiffe/core";
import type { ExecCommand } from "../../adapters/os/index.ts";
import type { PodProcesses } from "../../agent/index.ts";
import type { KeySetFetcher } from "../../control-plane/index.ts";
import type { MeshPaths } from "../../core/index.ts";
import type { ParseManifestsOptions } from "../../mesh/index.ts";
import type {
  CommandResolver,
  ContainerStarter,
  Prober,
  RunningProcess,
  SandboxNetwork,
} from "../../pod-runtime/index.ts";
import type { MeshConfig } from "../mesh-config.ts";

/**
 * How connections of applications come to their proxies, and with it where pods live: one interface, an adapter for
 * each way (ADR 9 and 14). Everything that differs between them is behind it, and behind `proxyCapture` for
 * the proxies' own side; nobody else asks for the mode.
 */
export interface CaptureStrategy {
  /** What its user has to know, said at the start and by `status`. */
  readonly warnings: readonly string[];
  /** What manifests may not ask for. */
  manifestRules(resolveCommand: CommandResolver): Pick<ParseManifestsOptions, "oneProcessPerWorkload" | "machinePorts">;
  /** Where the CA listens. */
  chooseCaAddress(): Promise<CaAddress>;
  /** Command line of the supervisor's process, from the launcher's point of view. */
  supervisorCommand(argv: readonly string[]): readonly string[];
  /** Process id of the supervisor on this machine, once it exists. @param started what the command line has become */
  supervisorPid(started: number): number | undefined;
  createPodHost(options: PodHostOptions): PodHost;
  /** Which processes are in which pod, as the agent sees them. */
  podProcesses(paths: MeshPaths): PodProcesses;
  /** The same for a command on this machine. @param containers first processes of a pod's containers, as the mesh knows them */
  podProcessesFromOutside(
    paths: MeshPaths,
    supervisorPid: number,
    containers: (podUid: string) => readonly number[],
  ): PodProcesses;
  /** How the control plane gets keys of identity providers: in the mesh, and outside. */
  createKeySetFetcher(config: MeshConfig, paths: MeshPaths): KeySetFetcher;
  /** The control plane has no way out; the launcher fetches for it. */
  readonly needsKeySetRelay: boolean;
  /** Command line that runs a command in a container, from this machine. */
  commandInPod(paths: MeshPaths, command: PodCommand): ExecCommand;
}

export interface CaAddress {
  readonly host: string;
  readonly port: number;
}

export interface PodHostOptions {
  readonly config: MeshConfig;
  readonly paths: MeshPaths;
  readonly resolveCommand: CommandResolver;
  /** What every container's environment starts from. */
  readonly baseEnvironment: Readonly<Record<string, string>>;
  readonly log: Log;
}

/** What the supervisor needs to run pods. */
export interface PodHost {
  /** Before anything else; safe to repeat. */
  start(): Promise<void>;
  /** A process of the mesh itself. */
  startProcess(process: OwnProcess): RunningProcess;
  startProxy(podUid: string, process: OwnProcess): RunningProcess;
  readonly network: SandboxNetwork;
  readonly containers: ContainerStarter;
  readonly prober: Prober;
}

export interface OwnProcess {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export interface PodCommand {
  readonly supervisorPid: number;
  /** `ContainerStatus.pid`: the container's first process, as the mesh knows it. */
  readonly containerPid: number;
  readonly podUid: string;
  readonly container: string;
  readonly command: readonly string[];
  /** Added to the container's own, e.g. TERM of the user's terminal. */
  readonly environment: Readonly<Record<string, string>>;
}
