/** The product's control plane over a database file: API and proxy configuration on sockets in the directory that is its argument. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { serveApi } from "../../packages/symbolon/src/adapters/http/index.ts";
import { serveProxyConfigs } from "../../packages/symbolon/src/adapters/ipc/index.ts";
import { listenOnUnixSocket, peerProcess } from "../../packages/symbolon/src/adapters/os/index.ts";
import { createSqliteMeshStateStore, openDatabase } from "../../packages/symbolon/src/adapters/sqlite/index.ts";
import { createControlPlane } from "../../packages/symbolon/src/control-plane/index.ts";
import { parseIpv4Range } from "../../packages/symbolon/src/mesh/index.ts";

const [directory = "", podRange = ""] = process.argv.slice(2);
mkdirSync(directory, { recursive: true, mode: 0o700 });
const plane = await createControlPlane({
  store: createSqliteMeshStateStore(openDatabase(join(directory, "state.db"))),
  source: { read: async () => ({ files: [], problems: [] }), watch: () => ({ close: () => undefined }) },
  manifests: { defaultNamespace: "default", allowUnenforced: false, explainUnknownImage: () => undefined },
  trustDomain: "cluster.local",
  clusterDomain: "cluster.local",
  rootNamespace: "istio-system",
  podRange: parseIpv4Range(podRange),
  serviceRange: parseIpv4Range("10.96.0.0/16"),
  node: { name: "bench", address: "127.0.0.1" },
  audit: { write: async () => undefined },
  clock: systemClock,
  random: systemRandom,
  log: silentLog,
});
await serveProxyConfigs({
  path: join(directory, "config.sock"),
  listen: listenOnUnixSocket,
  readPeer: peerProcess,
  proxyOf: (podUid) => plane.findPod(podUid)?.status?.proxy,
  configs: plane.configs,
  log: silentLog,
});
serveApi({
  socketPath: join(directory, "api.sock"),
  backend: {
    ...plane,
    podSecrets: () => ({ rootCertificatePem: "", serviceAccountToken: "" }),
    metrics: async () => [],
    denials: () => [],
    plaintextCallers: () => [],
    recordCommand: async () => {},
  },
  log: silentLog,
});
console.log("ready");
