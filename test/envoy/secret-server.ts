/** The real workload endpoint, for a workload whose identities the test decides. */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Entitlement, Workload } from "../../packages/symbolon/src/agent/index.ts";
import { startWorkloadEndpoint, type WorkloadEndpointFixture } from "../fakes/workload-endpoint-fixture.ts";

export interface SecretServer {
  become(entitlement: Entitlement): void;
  /** As a process that is killed: connections break. */
  kill(): Promise<void>;
  start(): Promise<void>;
}

export async function startSecretServer(path: string, first: Entitlement): Promise<SecretServer> {
  mkdirSync(dirname(path), { recursive: true });
  chmodSync(dirname(path), 0o700);
  let entitlement = first;
  let endpoint: WorkloadEndpointFixture | undefined;
  const followers = new Set<() => void>();
  const workload: Workload = {
    name: "envoy",
    entitlement: () => entitlement,
    subscribe(follower) {
      followers.add(follower);
      return () => followers.delete(follower);
    },
    createJwtSvids: async () => [],
    release() {},
  };
  const self: SecretServer = {
    become(next) {
      entitlement = next;
      for (const follower of followers) void follower();
    },
    async kill() {
      await endpoint?.close();
      endpoint = undefined;
    },
    async start() {
      endpoint = await startWorkloadEndpoint({ path, attestor: { attest: async () => workload } });
    },
  };
  await self.start();
  return self;
}
