/**
 * The real CA with its real store and gRPC server, without the rest of the mesh: `ca.ts STATE_DIRECTORY PORT`.
 * Prints "ready" when it serves; ends when its standard input does.
 */
import { join } from "node:path";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { openAuditLog, openSecretDirectory } from "../../../packages/symbolon/src/adapters/fs/index.ts";
import { createCertificateServer } from "../../../packages/symbolon/src/adapters/grpc/index.ts";
import { createSqliteIssuanceLog, openDatabase } from "../../../packages/symbolon/src/adapters/sqlite/index.ts";
import {
  createCertificateAuthority,
  loadOrCreateKey,
  loadTokenIssuer,
} from "../../../packages/symbolon/src/ca/index.ts";
import { CA_UNDER_TEST, podOf } from "./ca-settings.ts";

const [directory, port] = process.argv.slice(2);
if (directory === undefined || port === undefined) throw new Error("usage: ca.ts STATE_DIRECTORY PORT");

const AUDIT_KEY = { file: "audit.key", kind: "ed25519", fix: "remove it" } as const;

const shared = { clock: systemClock, random: systemRandom, log: silentLog };
const tokens = await loadTokenIssuer({
  ...shared,
  issuer: CA_UNDER_TEST.tokenIssuer,
  directory: await openSecretDirectory(join(directory, "tokens")),
});
const ca = await createCertificateAuthority({
  ...shared,
  trustDomain: CA_UNDER_TEST.trustDomain,
  stateDirectory: await openSecretDirectory(join(directory, "ca")),
  issuances: createSqliteIssuanceLog({ ...shared, database: openDatabase(join(directory, "state.db")) }),
  tokens: { issuer: tokens.issuer, audiences: [CA_UNDER_TEST.audience], keySet: () => tokens.keySet },
  pods: { findPod: async (uid) => podOf(uid) },
  entries: { findEntry: () => undefined },
  audit: await openAuditLog({
    ...shared,
    directory: join(directory, "audit"),
    keys: await loadOrCreateKey(await openSecretDirectory(join(directory, "audit-keys")), AUDIT_KEY),
  }),
});
const server = createCertificateServer({
  ...shared,
  createCertificate: ca.createCertificate,
  identity: ca.serverIdentity,
});
await server.start({ host: "127.0.0.1", port: Number(port) });
process.stdin.on("end", () => process.exit(0)).resume();
console.log("ready");
