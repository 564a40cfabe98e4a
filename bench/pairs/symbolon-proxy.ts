/** One proxy of our pair as a process; told what to be by BENCH_PROXY. */
import { readFileSync } from "node:fs";
import type { AuthorizationPolicy } from "@symbolon/policy";
import { BundleSet, X509Bundle } from "@symbolon/spiffe/bundle";
import { createObservable, Secret, silentLog, systemClock, systemRandom } from "@symbolon/spiffe/core";
import { TrustDomain } from "@symbolon/spiffe/id";
import { parseX509Svid } from "@symbolon/spiffe/svid";
import { createProxyTelemetry } from "../../packages/symbolon/src/app/proxy-telemetry.ts";
import { meshPaths } from "../../packages/symbolon/src/core/index.ts";
import type { ProxyConfig, RequestAuthenticationConfig } from "../../packages/symbolon/src/mesh/index.ts";
import { createProxy, transparentCapture } from "../../packages/symbolon/src/proxy/index.ts";
import { buildPolicy } from "../../test/oracle/build-policy.ts";
import { CLIENT_ID, type KeyFiles, SERVER_ID, TRUST_DOMAIN } from "../harness/credentials.ts";
import { principals, TOGGLE_ACCESS_LOG, type Traffic } from "./pair.ts";

export interface ProxyRole {
  readonly role: "inbound" | "outbound";
  readonly port: number;
  readonly backendAddress: string;
  readonly inboundAddress: string;
  readonly outboundAddress: string;
  readonly caFile: string;
  readonly own: KeyFiles;
  readonly traffic: Traffic;
  /** For access records. */
  readonly stateDirectory: string;
}

const order = JSON.parse(process.env.BENCH_PROXY ?? "{}") as ProxyRole;
const { role, port, own, traffic } = order;
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
    inboundPorts: inbound ? [{ port, protocol: traffic.protocol, mode: "strict", decidedBy: "default" }] : [],
    authorizationPolicies: inbound ? policies() : [],
    ...(inbound && traffic.tokens ? { requestAuthentication: requestAuthentication(traffic.tokens) } : {}),
  },
  mesh: {
    trustDomain: TRUST_DOMAIN,
    trustDomainAliases: [],
    pathNormalization: "base",
    denialReasonHeader: false,
    clusterDomain: "cluster.local",
    services: [
      {
        namespace: "bench",
        name: "echo",
        address: order.outboundAddress,
        ports: [
          {
            port,
            protocol: traffic.protocol,
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

const configs = createObservable(config);
const telemetryWith = (accessRecords: boolean) =>
  createProxyTelemetry({
    paths: meshPaths({ state: order.stateDirectory, runtime: "/run/bench" }),
    accessRecords,
    config: () => configs.current,
    vitals: () => proxy.vitals(),
    clock: systemClock,
    log: silentLog,
  });
let telemetry = telemetryWith(traffic.accessLog);
let otherTelemetry = telemetryWith(!traffic.accessLog);
// What records cost is measured in one process: two have never been compiled alike.
process.on(TOGGLE_ACCESS_LOG, () => {
  [telemetry, otherTelemetry] = [otherTelemetry, telemetry];
});
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
    config: configs,
    capture: transparentCapture({
      sockets: { prepareListener: () => undefined, setCapturedPorts: async () => undefined },
      listenAddress: inbound ? order.inboundAddress : order.outboundAddress,
    }),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    record: (record) => telemetry.connectionEnded(record),
    recordRequest: (record) => telemetry.requestEnded(record),
    countLimit: (limit) => telemetry.limitReached(limit),
  },
  {
    applicationAddress: order.backendAddress,
    forbiddenDestinations: [],
    tlsGroups: traffic.group,
    ...(traffic.protocol === "http" ? { http: {} } : {}),
  },
);
await proxy.start();

function requestAuthentication({ issuer, jwks }: NonNullable<Traffic["tokens"]>): RequestAuthenticationConfig {
  const position = { file: "", line: 1, column: 1 };
  const rule = {
    position,
    issuer,
    jwks,
    audiences: [],
    fromHeaders: [],
    fromParams: [],
    fromCookies: [],
    outputClaimToHeaders: [],
    forwardOriginalToken: false,
    timeoutMs: 5000,
    spaceDelimitedClaims: [],
  };
  const policy = { kind: "RequestAuthentication", namespace: "bench", name: "jwt", position, targetRefs: [] } as const;
  return { policies: [{ ...policy, jwtRules: [rule] }], keySets: [] };
}

/** As Envoy has them: each allows one principal two methods. */
function policies(): readonly AuthorizationPolicy[] {
  return principals(traffic.policies, CLIENT_ID).map((spiffeId, index) =>
    buildPolicy({
      name: `policy-${index}`,
      rules: [{ from: [{ principals: [spiffeId.replace("spiffe://", "")] }], to: [{ methods: ["GET", "POST"] }] }],
    }),
  );
}

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
