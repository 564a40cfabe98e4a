/** The product's CA behind the agents' service, with its real store and audit log: `server.ts DIRECTORY`. */
import { join } from "node:path";
import { createObservable, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId, TrustDomain } from "@symbolon/spiffe/id";
import { openAuditLog, openSecretDirectory } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { serveAgents } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { listenOnUnixSocket } from "../../packages/symbolon/src/adapters/os/index.ts";
import { createSqliteIssuanceLog, openDatabase } from "../../packages/symbolon/src/adapters/sqlite/index.ts";
import { createCertificateAuthority, loadOrCreateKey } from "../../packages/symbolon/src/ca/index.ts";
import type { RegistrationEntry } from "../../packages/symbolon/src/core/index.ts";

const [directory = ""] = process.argv.slice(2);
const shared = { clock: systemClock, random: systemRandom, log: silentLog };
const entry: RegistrationEntry = {
  id: "bench",
  name: "bench",
  revision: 1,
  spiffeId: SpiffeId.parse("spiffe://bench.test/workload"),
  selectors: [{ type: "unix", value: "uid:1000" }],
  federatesWith: [],
  dnsNames: [],
  createdAt: new Date(),
  isDefault: false,
};
const ca = await createCertificateAuthority({
  ...shared,
  trustDomain: TrustDomain.parse("bench.test"),
  stateDirectory: await openSecretDirectory(join(directory, "ca")),
  issuances: createSqliteIssuanceLog({ ...shared, database: openDatabase(join(directory, "state.db")) }),
  tokens: { issuer: "https://bench.test", audiences: ["bench"], keySet: () => ({ keys: [] }) },
  pods: { findPod: async () => undefined },
  entries: { findEntry: (id) => (id === entry.id ? entry : undefined) },
  audit: await openAuditLog({
    ...shared,
    directory: join(directory, "audit"),
    keys: await loadOrCreateKey(await openSecretDirectory(join(directory, "audit-keys")), {
      file: "audit.key",
      kind: "ed25519",
      fix: "remove it",
    }),
  }),
});
await serveAgents({
  ...shared,
  path: join(directory, "ca.sock"),
  listen: listenOnUnixSocket,
  bundles: createObservable([ca.jwt.bundle.current]),
  entries: createObservable([entry]),
  createEntrySvid: ca.createEntrySvid,
  createJwtSvid: ca.createWorkloadJwtSvid,
});
process.stdin.on("end", () => process.exit(0)).resume();
console.log("ready");
