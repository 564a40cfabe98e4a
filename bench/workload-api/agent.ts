/**
 * The agent of processes outside pods, all of it, over a CA in the same process: `agent.ts DIRECTORY`. With
 * `agent.ts DIRECTORY digest` there is an entry more that depends on the program's digest, and is nobody's. Each line of its
 * standard input is a change of the registration entry, which gives every workload a new certificate.
 */
import { join } from "node:path";
import { BundleSet, JwtBundleSet } from "@symbolon/spiffe/bundle";
import { createObservable, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { createTestAuthority } from "@symbolon/spiffe/testing";
import { parseCertificateSigningRequest, verifyCsrSignature } from "@symbolon/spiffe/x509";
import { openAuditLog, openSecretDirectory } from "../../packages/symbolon/src/adapters/fs/index.ts";
import { serveWorkloadEndpoint } from "../../packages/symbolon/src/adapters/grpc/index.ts";
import { createProcessAttestor, listenOnUnixSocket, pinPeer } from "../../packages/symbolon/src/adapters/os/index.ts";
import {
  createEntryIdentities,
  createEntryWorkloads,
  createJwtSvidCache,
  type NodeClient,
  type NodeState,
} from "../../packages/symbolon/src/agent/index.ts";
import { loadOrCreateKey } from "../../packages/symbolon/src/ca/index.ts";

const LIFETIME_MS = 3_600_000;
const [directory = "", mode] = process.argv.slice(2);
const shared = { clock: systemClock, random: systemRandom, log: silentLog };
const authority = createTestAuthority("bench.test");
const spiffeId = SpiffeId.parse("spiffe://bench.test/workload");

const client: Pick<NodeClient, "createX509Svid" | "createJwtSvid"> = {
  async createX509Svid({ csr: der }) {
    const csr = parseCertificateSigningRequest(der);
    verifyCsrSignature(csr);
    const now = Date.now();
    const { certificate } = authority.issueCertificate({
      uris: [spiffeId.toString()],
      notBefore: new Date(now - 60_000),
      notAfter: new Date(now + LIFETIME_MS),
      template: { spki: csr.spki },
    });
    return [certificate.der];
  },
  createJwtSvid: () => Promise.reject(new Error("no tokens here")),
};

const entry = (id: string, revision: number, values: readonly string[]): NodeState["entries"][number] => ({
  id,
  name: id,
  revision,
  spiffeId,
  selectors: values.map((value) => ({ type: "unix", value: value === "uid:" ? `uid:${process.getuid?.()}` : value })),
  federatesWith: [],
  // What a certificate says must change for a new one.
  dnsNames: [`r${revision}.bench.test`],
  createdAt: new Date(0),
  isDefault: false,
});
const nodeState = (revision: number): NodeState => ({
  bundles: BundleSet.of(authority.bundle),
  jwtBundles: JwtBundleSet.of(),
  entries: [
    entry("bench", revision, ["uid:"]),
    ...(mode === "digest" ? [entry("pinned", revision, ["uid:", `sha256:${"0".repeat(64)}`])] : []),
  ],
});
let revision = 1;
const state = createObservable<NodeState | undefined>(nodeState(revision));
const audit = await openAuditLog({
  ...shared,
  directory: join(directory, "audit"),
  keys: await loadOrCreateKey(await openSecretDirectory(join(directory, "audit-keys")), {
    file: "audit.key",
    kind: "ed25519",
    fix: "remove it",
  }),
});
await serveWorkloadEndpoint({
  ...shared,
  path: join(directory, "workload.sock"),
  listen: listenOnUnixSocket,
  pinPeer,
  workloads: createEntryWorkloads({
    state,
    identities: createEntryIdentities({ ...shared, client, state }),
    tokens: createJwtSvidCache({ ...shared, client }),
    processes: createProcessAttestor(),
    audit,
    log: silentLog,
  }),
  filesOf: () => ({ read: () => Promise.reject(new Error("no files here")) }),
  audit,
});
process.stdin.on("data", () => state.set(nodeState(++revision)));
process.stdin.on("end", () => process.exit(0));
console.log("ready");
