/**
 * The real workload endpoint over a test authority: every process that connects has the identities that the test decides.
 * As a program, `workload-endpoint-fixture.ts SOCKET`, it serves `spiffe://example.org/myservice` and `/myservice2` with a
 * federated domain, and rotates at each line of its standard input.
 */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { BundleSet, JwtBundle, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { type Clock, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { jwkFromPublicKey } from "@symbolon/spiffe/jwt";
import { signJwtSvid } from "@symbolon/spiffe/svid";
import { createTestAuthority, type TestAuthority } from "@symbolon/spiffe/testing";
import { createKeyPair } from "@symbolon/spiffe/x509";
import {
  serveWorkloadEndpoint,
  type WorkloadEndpoint,
  type WorkloadEndpointOptions,
} from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { listenOnUnixSocket, pinPeer } from "../../packages/symbolon/src/adapters/os/index.ts";
import type { Entitlement, Workload, WorkloadAttestor } from "../../packages/symbolon/src/agent/index.ts";
import { type AuditSink, productError } from "../../packages/symbolon/src/core/index.ts";

type Granted = Extract<Entitlement, { readonly kind: "granted" }>;

export interface WorkloadEndpointFixture {
  /** For `SPIFFE_ENDPOINT_SOCKET`. */
  readonly socket: string;
  readonly authority: TestAuthority;
  entitlement(): Entitlement;
  /** Streams that follow what the workload has. */
  readonly followers: ReadonlySet<() => void>;
  /** What every workload has from now on. */
  become(entitlement: Entitlement): void;
  /** New certificates for the same identities. */
  rotate(): void;
  /** Ends the endpoint as a crash does, and starts it again at the same place. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface WorkloadEndpointFixtureOptions {
  readonly path: string;
  /** Paths of the SPIFFE IDs; `/myservice` if absent. */
  readonly workloads?: readonly string[];
  readonly attestor?: WorkloadAttestor;
  /** Of the endpoint; the real ones if absent. */
  readonly clock?: Clock;
  readonly pinPeer?: WorkloadEndpointOptions["pinPeer"];
  readonly audit?: AuditSink;
}

const JWT_LIFE_MS = 5 * 60_000;

export async function startWorkloadEndpoint(options: WorkloadEndpointFixtureOptions): Promise<WorkloadEndpointFixture> {
  const { path, workloads = ["/myservice"] } = options;
  const authority = createTestAuthority("example.org");
  const abroad = createTestAuthority("example-federated.org");
  const jwtKey = createKeyPair();
  const jwtBundle = JwtBundle.fromJwkSet(
    authority.trustDomain,
    JSON.stringify({ keys: [{ ...jwkFromPublicKey(jwtKey.publicKey, { kid: "one" }), use: "jwt-svid" }] }),
  );
  const issue = (): Granted => ({
    kind: "granted",
    svids: workloads.map((name) => ({ svid: authority.issue(name), hint: name.slice(1) })),
    bundles: BundleSet.of(authority.bundle, abroad.bundle),
    jwtBundles: JwtBundleSet.of(jwtBundle),
  });
  let entitlement: Entitlement = issue();
  const followers = new Set<() => void>();
  const workload: Workload = {
    name: "workload of the test",
    entitlement: () => entitlement,
    subscribe(follower) {
      const own = (): void => follower();
      followers.add(own);
      return () => followers.delete(own);
    },
    async createJwtSvids({ audiences, spiffeId }) {
      if (entitlement.kind !== "granted") throw productError("ERR_WORKLOAD_NOT_ENTITLED", "nothing");
      const svids = entitlement.svids.filter(({ svid }) => !spiffeId || svid.spiffeId.equals(spiffeId));
      if (svids.length === 0) throw productError("ERR_WORKLOAD_NOT_ENTITLED", `not ${spiffeId}`);
      const now = systemClock.now();
      const expiresAt = new Date(now.getTime() + JWT_LIFE_MS);
      return svids.map(({ svid: { spiffeId: id }, hint = "" }) => {
        const { token } = signJwtSvid(
          { spiffeId: id, audiences, expiresAt, issuedAt: now },
          { privateKey: jwtKey.privateKey, keyId: "one" },
        );
        return { spiffeId: id, token, expiresAt, hint };
      });
    },
    release() {},
  };
  const start = (): Promise<WorkloadEndpoint> =>
    serveWorkloadEndpoint({
      path,
      listen: listenOnUnixSocket,
      pinPeer: options.pinPeer ?? pinPeer,
      workloads: options.attestor ?? { attest: async () => workload },
      filesOf: () => ({
        read: async (file) => {
          throw productError("ERR_SECRET_FILE", `"${file}" may not be read`);
        },
      }),
      audit: options.audit ?? { write: async () => undefined },
      clock: options.clock ?? systemClock,
      random: systemRandom,
      log: silentLog,
    });
  let endpoint = await start();
  const become = (next: Entitlement): void => {
    entitlement = next;
    for (const follower of [...followers]) follower();
  };
  return {
    socket: `unix://${path}`,
    authority,
    entitlement: () => entitlement,
    followers,
    become,
    rotate: () => become(issue()),
    async restart() {
      await endpoint.close();
      endpoint = await start();
    },
    close: () => endpoint.close(),
  };
}

if (import.meta.main) {
  const path = process.argv[2] ?? "";
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  const fixture = await startWorkloadEndpoint({ path, workloads: ["/myservice", "/myservice2"] });
  console.log(fixture.socket);
  createInterface({ input: process.stdin }).on("line", () => fixture.rotate());
}
