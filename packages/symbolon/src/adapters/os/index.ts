export { callerFiles } from "./caller-files.ts";
export { type CapturedPorts, createCapturedPorts } from "./captured-ports.ts";
export { type ContainerStarterOptions, createContainerStarter } from "./container-process.ts";
export { type ExecCommand, type ExecInPodOptions, execInPod } from "./exec-in-pod.ts";
export { hostPidOf, hostPidOfSupervisor, supervisorCommand } from "./launch-supervisor.ts";
export { createLoopbackPods, fixedPorts, type LoopbackPods } from "./loopback-pods.ts";
export { freeLoopbackPort } from "./loopback-ports.ts";
export { createLoopbackProber } from "./loopback-prober.ts";
export { createMeshNetwork, type MeshNetwork, type MeshNetworkOptions } from "./mesh-network.ts";
export { type MeshProcessOptions, startMeshProcess } from "./mesh-process.ts";
export { type NamespaceProbes, requireNamespaceSupport } from "./namespace-support.ts";
export { type PeerCredentials, type PeerProcess, peerCredentials, peerPidFd, peerProcess } from "./peer-credentials.ts";
export { type PinnedPeer, pinPeer } from "./pinned-peer.ts";
export { createPlainContainers, type PlainContainersOptions } from "./plain-container.ts";
export { plainExec } from "./plain-exec.ts";
export { startPlainProcess } from "./plain-process.ts";
export {
  APPLICATION_ADDRESS,
  APPLICATION_LINK,
  BRIDGE,
  type PodNamespaces,
  podNamespaces,
  SIDECAR_ADDRESS,
} from "./pod-addresses.ts";
export {
  createListenerDirectory,
  loadPodCapture,
  type PodCapture,
  publishListeners,
} from "./pod-capture-file.ts";
export { createPodDirectories, type PodDirectoriesOptions } from "./pod-directories.ts";
export { type PodLayout, podLayout, publishPodSecrets } from "./pod-directory.ts";
export {
  createForeignPodProcesses,
  createNamespacePodProcesses,
  createPlainPodProcesses,
  isBelow,
} from "./pod-processes.ts";
export {
  createProcessAttestor,
  type ExplainingProcessAttestor,
  type ProcessAttestorOptions,
  type ProcessFacts,
} from "./process-attestor.ts";
export { coreFileLimits, hardenProcess, isDumpable, refuseDebugEnvironment } from "./process-hardening.ts";
export { peerOfProcess } from "./process-peer.ts";
export { createProcessRegistry, endLeftoverProcesses } from "./process-registry.ts";
export { processStartTicks } from "./process-stat.ts";
export { credentialsVerifier } from "./proxy-credentials.ts";
export { createReadinessProber, type ProberOptions } from "./readiness-prober.ts";
export { reapOrphans } from "./reap-orphans.ts";
export { systemProgram } from "./run-command.ts";
export { isTransparent, makeTransparent } from "./transparent-socket.ts";
export { claimUnixSocketPath, isSocketServed, listenOnUnixSocket, withPrivateUmask } from "./unix-socket-path.ts";
