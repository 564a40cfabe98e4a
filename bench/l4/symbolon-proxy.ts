/** One proxy of our pair as a process; told what to be by BENCH_PROXY. */
import { readFileSync } from "node:fs";
import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { createObservable, Secret, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { parseX509Svid } from "@symbolon/spiffe/svid";
import type { ProxyConfig } from "../../packages/symbolon/src/mesh/index.ts";
import { createProxy } from "../../packages/symbolon/src/proxy/index.ts";
import { CLIENT_ID, type KeyFiles, SERVER_ID, TRUST_DOMAIN } from "./credentials.ts";

interface Order {
  readonly role: "inbound" | "outbound";
  readonly port: number;
  readonly backendAddress: string;
  readonly inboundAddress: string;
  readonly outboundAddress: string;
  readonly caFile: string;
  readonly own: KeyFiles;
}

const order = JSON.parse(process.env.BENCH_PROXY ?? "{}") as Order;
const { role, port, own } = order;
const svid = parseX509Svid(readFileSync(own.certFile, "utf8"), readFileSync(own.keyFile));
const bundle = X509Bundle.fromPem(TrustDomain.parse(TRUST_DOMAIN), readFileSync(order.caFile));
const inbound = role === "inbound";

/** The client's own address is one that nobody dials: everything that its listener accepts is outbound. */
const CLIENT_ADDRESS = "127.77.0.254";

const config: ProxyConfig = {
  version: 1,
  local: {
    podUid: role,
    podName: role,
    namespace: "bench",
    serviceAccount: inbound ? "server" : "client",
    address: inbound ? order.inboundAddress : CLIENT_ADDRESS,
    sidecar: true,
    inboundMode: "strict",
    inboundPorts: inbound ? [{ port, protocol: "tcp", mode: "strict", decidedBy: "default" }] : [],
  },
  mesh: {
    trustDomain: TRUST_DOMAIN,
    clusterDomain: "cluster.local",
    services: [
      {
        namespace: "bench",
        name: "echo",
        address: order.outboundAddress,
        ports: [
          {
            port,
            protocol: "tcp",
            endpoints: [{ podUid: "inbound", address: order.inboundAddress, port, tls: true }],
            expectedSpiffeIds: [SERVER_ID],
          },
        ],
      },
    ],
    workloads: [workload("inbound", order.inboundAddress, SERVER_ID), workload("outbound", CLIENT_ADDRESS, CLIENT_ID)],
    capturedPorts: [port],
  },
};

const proxy = createProxy(
  {
    identity: createObservable({
      spiffeId: svid.spiffeId,
      certificateChainPem: svid.certificateChainPem(),
      privateKeyPem: new Secret(readFileSync(own.keyFile)),
      bundles: BundleSet.of(bundle),
      serialNumber: svid.leaf.serialNumberHex,
      notBefore: svid.notBefore,
      notAfter: svid.notAfter,
    }),
    config: createObservable(config),
    sockets: { prepareListener: () => undefined, setCapturedPorts: async () => undefined },
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  },
  {
    applicationAddress: order.backendAddress,
    forbiddenDestinations: [],
    listenAddress: inbound ? order.inboundAddress : order.outboundAddress,
  },
);
await proxy.start();

function workload(podUid: string, address: string, spiffeId: string): ProxyConfig["mesh"]["workloads"][number] {
  return {
    podUid,
    namespace: "bench",
    name: podUid,
    address,
    spiffeId,
    sidecar: true,
    plaintextPorts: [],
    plaintextByDefault: false,
  };
}
