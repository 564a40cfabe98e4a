import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { Secret, sleep, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { openSecretDirectory } from "../adapters/fs/index.ts";
import { createCertificateClient } from "../adapters/grpc/index.ts";
import { createIdentityServer, serveAgentControl } from "../adapters/ipc/index.ts";
import { listenOnUnixSocket, peerProcess, processStartTicks } from "../adapters/os/index.ts";
import { createIdentityManager, type TokenSource } from "../agent/index.ts";
import { CA_SERVER_NAME } from "./ca-address.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf } from "./mesh-config.ts";
import { openProcessAudit } from "./process-audit.ts";
import { runUntilSignal } from "./run-until-signal.ts";

const ROOT_CERTIFICATE_POLL_MS = 20;

/** The process that holds the mesh's workload keys. */
export function runAgent(config: MeshConfig): Promise<number> {
  const log = createProcessLog("agent", config.logLevel);
  const paths = pathsOf(config);
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
      clock: systemClock,
      random: systemRandom,
      log,
    });
    const server = createIdentityServer({
      identities,
      listen: listenOnUnixSocket,
      readPeer: peerProcess,
      startTicksOf: processStartTicks,
      audit,
      log,
    });
    const control = await serveAgentControl({
      path: paths.agentControlSocket,
      listen: listenOnUnixSocket,
      readPeer: peerProcess,
      parentPid: process.ppid,
      log,
      handler: {
        async register({ podUid, namespace, serviceAccount, tokenPath, socketPath, proxy }) {
          identities.register({ podUid, namespace, serviceAccount, tokenPath });
          await server.open(podUid, socketPath, proxy);
        },
        async unregister(podUid) {
          server.close(podUid);
          identities.unregister(podUid);
        },
      },
    });
    return {
      async close() {
        control.close();
        server.closeAll();
        await identities.close();
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
