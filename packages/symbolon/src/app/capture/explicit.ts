import { join } from "node:path";
import { systemClock } from "@symbolon/spiffe/core";
import { createKeySetFetcher } from "../../adapters/http/key-set-fetcher.ts";
import {
  createListenerDirectory,
  createLoopbackPods,
  createLoopbackProber,
  createPlainContainers,
  createPlainPodProcesses,
  createProcessRegistry,
  fixedPorts,
  freeLoopbackPort,
  plainExec,
  startPlainProcess,
} from "../../adapters/os/index.ts";
import { productError } from "../../core/index.ts";
import type { CaptureStrategy, PodHost, PodHostOptions } from "./capture-strategy.ts";

const LOOPBACK = "127.0.0.1";

/** Pods are ordinary processes of the user, which are told of their proxies by environment variables. */
export const explicitStrategy: CaptureStrategy = {
  warnings: [
    "explicit capture is not a security boundary: a program finds its proxy by http_proxy alone and may ignore it, any program of this machine can reach an application's port directly, and any program of your user can read a pod's secret and use its identity",
    "explicit capture: only programs that follow http_proxy and https_proxy reach Services; a Deployment has one replica",
  ],
  manifestRules: (resolveCommand) => ({
    oneProcessPerWorkload: true,
    machinePorts: (container) => fixedPorts(resolveCommand, container),
  }),
  async chooseCaAddress() {
    const port = await freeLoopbackPort(process.pid, () => false);
    if (port === undefined)
      throw productError("ERR_PORT_CONFLICT", "no port of 127.0.0.1 from 15100 to 29999 is free; end other programs");
    return { host: LOOPBACK, port };
  },
  supervisorCommand: (argv) => argv,
  supervisorPid: (started) => started,
  createPodHost,
  podProcesses: (paths) => createPlainPodProcesses((uid) => paths.podRuntime(uid).directory),
  podProcessesFromOutside: (paths) => createPlainPodProcesses((uid) => paths.podRuntime(uid).directory),
  needsKeySetRelay: false,
  createKeySetFetcher(config, paths) {
    const findListener = createListenerDirectory((uid) => paths.podRuntime(uid).directory);
    return createKeySetFetcher({
      allowed: config.keySetRanges ?? [],
      locate({ podUid, port }) {
        const listener = findListener(podUid, port);
        return listener === undefined ? undefined : { address: LOOPBACK, port: listener };
      },
    });
  },
  commandInPod: (paths, { podUid, container, command, environment }) =>
    plainExec({ podDirectory: paths.podRuntime(podUid).directory, container, command, environment }),
};

function createPodHost({ config, paths, resolveCommand, baseEnvironment }: PodHostOptions): PodHost {
  const registry = createProcessRegistry(paths.processesDirectory);
  const podDirectory = (uid: string) => paths.podRuntime(uid).directory;
  const pods = createLoopbackPods({ podDirectory, resolveCommand });
  return {
    async start() {},
    startProcess: (process) => startPlainProcess(process, registry),
    startProxy: (_podUid, process) => startPlainProcess(process, registry),
    network: pods,
    containers: createPlainContainers({
      pods,
      registry,
      resolveCommand,
      podDirectory,
      workloadSocket: (uid) => paths.podRuntime(uid).workloadSocket,
      logFile: (pod, container) => join(paths.logsDirectory, pod.namespace, pod.name, `${container}.log`),
      uid: config.uid,
      baseEnvironment,
      defaultWorkingDirectory: config.workingDirectory,
    }),
    prober: createLoopbackProber({ clock: systemClock, pods, podDirectory }),
  };
}
