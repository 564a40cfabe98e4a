import type { CancelSignal } from "@symbolon/spiffe/core";
import type { Container, Pod, PodStatus, ReadinessProbe } from "../mesh/index.ts";

export interface ProcessExit {
  /** Exit status; 128 + number when a signal ended it. */
  readonly code: number;
  readonly signal?: string;
}

/** A process of the mesh that this runtime has started. */
export interface RunningProcess {
  /** In the mesh's PID namespace. */
  readonly pid: number;
  readonly startTicks: number;
  readonly exited: Promise<ProcessExit>;
  signal(name: "SIGTERM" | "SIGKILL"): void;
  /** False: SIGTERM would be ignored (first process of its PID namespace, no handler). */
  handlesTerm(): boolean;
}

/** The pod's two network namespaces and their links. */
export interface SandboxNetwork {
  createPod(pod: Pod): Promise<unknown>;
  destroyPod(pod: Pod): Promise<void>;
}

/** The files and directories of a pod: sockets' directory, resolv.conf, hosts, token, root certificate. */
export interface PodDirectories {
  prepare(pod: Pod): Promise<void>;
  remove(pod: Pod): Promise<void>;
}

export interface ProxyStarter {
  start(pod: Pod): Promise<RunningProcess>;
  /** Resolves when the proxy has its identity, its configuration and its listeners; rejects when `signal` aborts. */
  ready(pod: Pod, signal: CancelSignal): Promise<void>;
}

export interface ContainerStarter {
  /** Resolves when the command has been executed; rejects when the container cannot be set up. */
  start(pod: Pod, container: Container, argv: readonly string[]): Promise<RunningProcess>;
}

/** Command line of a container: its own `command`, or what the image map says. Throws a coded error. */
export type CommandResolver = (container: Container) => readonly string[];

export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** One attempt of a readiness probe, made inside the pod's application namespace. Never rejects. */
export interface Prober {
  probe(pod: Pod, container: Container, process: RunningProcess, probe: ReadinessProbe): Promise<ProbeResult>;
}

/** Tells the agent which process may have a pod's identity. */
export interface IdentityRegistrar {
  register(podUid: string, process: { readonly pid: number; readonly startTicks: number }): Promise<void>;
  unregister(podUid: string): Promise<void>;
}

/** Where status goes: each change, the newest last. Must not throw. */
export interface StatusReporter {
  report(pod: Pod, status: PodStatus): void;
  removed(pod: Pod): void;
}
