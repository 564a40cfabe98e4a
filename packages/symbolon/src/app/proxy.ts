import { systemClock, systemRandom } from "@symbolon/spiffe/core";
import { createConfigClient, createIdentityClient, serveProxyAdmin } from "../adapters/ipc/index.ts";
import {
  APPLICATION_ADDRESS,
  createCapturedPorts,
  listenOnUnixSocket,
  makeTransparent,
  podNamespaces,
  SIDECAR_ADDRESS,
} from "../adapters/os/index.ts";
import { createProxy, transparentCapture } from "../proxy/index.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";
import { runUntilSignal } from "./run-until-signal.ts";

const DNS_PORT = 53;
const DRAIN_MS = 2000;

/** The proxy of one pod, in its namespace P. */
export function runProxy(config: MeshConfig, podUid: string): Promise<number> {
  const log = createProcessLog("proxy", config.logLevel);
  const paths = pathsOf(config);
  const pod = paths.podRuntime(podUid);
  return runUntilSignal(log, async () => {
    const shared = { clock: systemClock, random: systemRandom, log };
    const configs = createConfigClient({ ...shared, path: paths.configSocket, podUid });
    const identities = createIdentityClient({ ...shared, path: pod.agentSocket });
    const captured = createCapturedPorts(podNamespaces(paths.namespacesDirectory, podUid).application);
    const proxy = createProxy(
      {
        ...shared,
        identity: identities.identity,
        config: configs.config,
        capture: transparentCapture({
          sockets: { prepareListener: makeTransparent, setCapturedPorts: (ports) => captured.set(ports) },
        }),
        record: (record) => log.debug("connection", { ...record }),
        recordRequest: (record) => log.debug("request", { ...record }),
      },
      {
        applicationAddress: APPLICATION_ADDRESS,
        forbiddenDestinations: [SIDECAR_ADDRESS, APPLICATION_ADDRESS],
        dns: { address: SIDECAR_ADDRESS, port: DNS_PORT },
        http: {},
      },
    );
    const admin = await serveProxyAdmin({
      path: pod.proxyAdminSocket,
      listen: listenOnUnixSocket,
      handler: { ready: () => proxy.ready, dump: () => proxy.dump() },
      log,
    });
    await proxy.start();
    return {
      async close() {
        await proxy.drain(DRAIN_MS);
        configs.close();
        identities.close();
        admin.close();
      },
    };
  });
}
