import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { sleep, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { openSecretDirectory } from "../adapters/fs/index.ts";
import { createAgentClient, serveWorkloadEndpoint } from "../adapters/grpc/index.ts";
import { callerFiles, createProcessAttestor, listenOnUnixSocket, pinPeer } from "../adapters/os/index.ts";
import { createEntryIdentities, createEntryWorkloads, createJwtSvidCache, followNode } from "../agent/index.ts";
import { createProcessLog } from "./log.ts";
import { type MeshConfig, pathsOf, workloadSocketOf } from "./mesh-config.ts";
import { openProcessAudit } from "./process-audit.ts";
import { runUntilSignal } from "./run-until-signal.ts";

const AUDIT_KEYS_POLL_MS = 20;
/** Connecting needs the right to write. Who someone is, and what he gets, the kernel and the entries say. */
const EVERY_USER = 0o666;

/** The process that holds the keys of processes outside pods, and serves the Workload API to them. */
export function runHostAgent(config: MeshConfig): Promise<number> {
  const log = createProcessLog("host-agent", config.logLevel);
  const paths = pathsOf(config);
  const shared = { clock: systemClock, random: systemRandom, log };
  return runUntilSignal(log, async () => {
    // The control plane makes it at its start; both are started together.
    while (!existsSync(paths.auditKeysDirectory)) await sleep(systemClock, AUDIT_KEYS_POLL_MS);
    const audit = await openProcessAudit("host-agent", {
      config,
      keys: await openSecretDirectory(paths.auditKeysDirectory),
      log,
    });
    const client = createAgentClient({ socketPath: paths.caSocket, clock: systemClock });
    const node = followNode({ ...shared, client, problem: audit.problem });
    const identities = createEntryIdentities({ ...shared, client, state: node.state });
    const workloads = createEntryWorkloads({
      state: node.state,
      identities,
      tokens: createJwtSvidCache({ ...shared, client }),
      processes: createProcessAttestor(),
      audit,
      log,
    });
    const path = workloadSocketOf(config);
    const endpoint = await serveWorkloadEndpoint({
      ...shared,
      path,
      listen: listenOnUnixSocket,
      pinPeer,
      workloads,
      filesOf: callerFiles,
      audit,
    });
    if (config.workloadSocketPath !== undefined) await chmod(path, EVERY_USER);
    return {
      async close() {
        await endpoint.close();
        await identities.close();
        await node.close();
        client.close();
        await audit.close();
      },
    };
  });
}
