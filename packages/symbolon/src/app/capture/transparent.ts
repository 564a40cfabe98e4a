import { dirname, join } from "node:path";
import { systemClock } from "@symbolon/spiffe/core";
import { createKeySetFetcher } from "../../adapters/http/key-set-fetcher.ts";
import { createRelayedKeySetFetcher } from "../../adapters/http/key-set-relay.ts";
import {
  createContainerStarter,
  createForeignPodProcesses,
  createMeshNetwork,
  createNamespacePodProcesses,
  createReadinessProber,
  execInPod,
  hostPidOf,
  hostPidOfSupervisor,
  startMeshProcess,
  supervisorCommand,
} from "../../adapters/os/index.ts";
import { addressRanges } from "../address-ranges.ts";
import type { CaptureStrategy, PodHost, PodHostOptions } from "./capture-strategy.ts";

/** Istio's port for CSR and xDS over TLS; in the mesh's own network namespace, so meshes do not collide. */
const CA_ADDRESS = { host: "0.0.0.0", port: 15012 };

/** Pods are network namespaces; nothing leaves one but through its proxy. */
export const transparentStrategy: CaptureStrategy = {
  warnings: [],
  manifestRules: () => ({}),
  chooseCaAddress: async () => CA_ADDRESS,
  supervisorCommand,
  supervisorPid: hostPidOfSupervisor,
  createPodHost,
  podProcesses: ({ namespacesDirectory }) => createNamespacePodProcesses(namespacesDirectory),
  podProcessesFromOutside: (_paths, supervisorPid, containers) =>
    createForeignPodProcesses((podUid) => containers(podUid).flatMap((pid) => hostPidOf(supervisorPid, pid) ?? [])),
  // The mesh has its own network, on which pods are and nothing else.
  needsKeySetRelay: true,
  createKeySetFetcher: (_config, paths) => createRelayedKeySetFetcher(paths.keySetSocket, createKeySetFetcher()),
  commandInPod: (paths, { supervisorPid, podUid, ...command }) =>
    execInPod({
      ...command,
      supervisorHostPid: supervisorPid,
      podDirectory: paths.podRuntime(podUid).directory,
    }),
};

function createPodHost({ config, paths, baseEnvironment }: PodHostOptions): PodHost {
  const { namespacesDirectory } = paths;
  const network = createMeshNetwork({ namespacesDirectory, podRange: addressRanges(config).pods });
  const podDirectory = (uid: string) => paths.podRuntime(uid).directory;
  return {
    start: () => network.start(),
    startProcess: startMeshProcess,
    startProxy: (podUid, process) =>
      startMeshProcess({ ...process, networkNamespace: network.namespaces(podUid).proxy }),
    network,
    containers: createContainerStarter({
      namespacesDirectory,
      podDirectory,
      // Of all meshes of this user: from another one's keys or API the way leads back to this one.
      hiddenDirectories: [
        dirname(config.stateDirectory),
        dirname(config.runtimeDirectory),
        ...(config.caCertificatesDirectory ? [config.caCertificatesDirectory] : []),
      ],
      logFile: (pod, container) => join(paths.logsDirectory, pod.namespace, pod.name, `${container}.log`),
      uid: config.uid,
      gid: config.gid,
      baseEnvironment,
      defaultWorkingDirectory: config.workingDirectory,
    }),
    prober: createReadinessProber({ clock: systemClock, namespacesDirectory, podDirectory }),
  };
}
