export { createImageMap, type ImageMapEntry, parseImageOption, readImageMap } from "./image-map.ts";
export { keepRunning, type SupervisedOptions, type SupervisedState, terminateProcess } from "./keep-running.ts";
export { type PodRuntime, startPodRuntime } from "./pod-runtime.ts";
export type { PodRuntimePorts } from "./pod-worker.ts";
export type {
  CommandResolver,
  ContainerStarter,
  IdentityRegistrar,
  PodDirectories,
  ProbeResult,
  Prober,
  ProcessExit,
  ProxyStarter,
  RunningProcess,
  SandboxNetwork,
  StatusReporter,
} from "./ports.ts";
export { createRestartBackoff, OWN_PROCESS_BACKOFF, type RestartBackoff } from "./restart-backoff.ts";
