import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Secret, sleep, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { openSecretDirectory } from "../adapters/fs/index.ts";
import { createAgentClient, createCertificateClient } from "../adapters/grpc/index.ts";
import { createIdentityServer, serveAgentControl } from "../adapters/ipc/index.ts";
import { listenOnUnixSocket, peerProcess, processStartTicks } from "../adapters/os/index.ts";
import { createIdentityManager, createJwtSvidCache, followNode, type TokenSource } from "../agent/index.ts";
import { CA_SERVER_NAME } from "./ca-address.ts";
import { captureStrategy } from "./capture/index.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";
import { createPodEndpoints } from "./pod-endpoints.ts";
import { openProcessAudit } from "./process-audit.ts";
import { runUntilSignal } from "./run-until-signal.ts";

const ROOT_CERTIFICATE_POLL_MS = 20;

/** The process that holds the mesh's workload keys. */
export function runAgent(config: MeshConfig): Promise<number> {
  const log = createProcessLog("agent", config.logLevel);
  const paths = pathsOf(config);
  const shared = { clock: systemClock, random: systemRandom, log };
  return runUntilSignal(log, async () => {
    // The control plane writes its root certificate at its start; both are started together.
    while (!existsSync(paths.rootCertificate)) await sleep(systemClock, ROOT_CERTIFICATE_POLL_MS);
    const audit = await openProcessAudit("agent", {
      config,
      keys: await openSecretDirectory(paths.auditKeysDirectory),
      log,
    });
    const certificates = createCertificateClient({
      address: `127.0.0.1:${config.capture.ca.port}`,
      rootCertificatePem: await readFile(paths.rootCertificate, "utf8"),
      serverName: CA_SERVER_NAME,
      clock: systemClock,
    });
    const identities = createIdentityManager({
      trustDomain: TrustDomain.parse(config.trustDomain),
      certificates,
      tokens: tokenFiles,
      lifetimeSeconds: config.svidLifetimeSeconds,
      ...shared,
    });
    const server = createIdentityServer({
      identities,
      listen: listenOnUnixSocket,
      readPeer: peerProcess,
      startTicksOf: processStartTicks,
      audit,
      log,
    });
    const client = createAgentClient({ socketPath: paths.caSocket, clock: systemClock });
    const node = followNode({ ...shared, client, problem: audit.problem });
    const endpoints = createPodEndpoints({
      ...shared,
      identities,
      node,
      tokens: createJwtSvidCache({ ...shared, client }),
      serviceAccountTokens: tokenFiles,
      processes: captureStrategy(config.capture).podProcesses(paths),
      audit,
    });
    const control = await serveAgentControl({
      path: paths.agentControlSocket,
      listen: listenOnUnixSocket,
      readPeer: peerProcess,
      parentPid: process.ppid,
      log,
      handler: {
        async register({ proxy, socketPath, workloadSocketPath, ...pod }) {
          if (proxy) {
            identities.register(pod);
            await server.open(pod.podUid, socketPath, proxy);
          }
          await endpoints.open(pod, workloadSocketPath);
        },
        async unregister(podUid) {
          await endpoints.close(podUid);
          server.close(podUid);
          identities.unregister(podUid);
        },
      },
    });
    return {
      async close() {
        control.close();
        await endpoints.closeAll();
        server.closeAll();
        await identities.close();
        await node.close();
        client.close();
        certificates.close();
        await audit.close();
      },
    };
  });
}

const tokenFiles: TokenSource = {
  async readToken(path) {
    try {
      return new Secret((await readFile(path, "utf8")).trim());
    } catch {
      return undefined;
    }
  },
};
