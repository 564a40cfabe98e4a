import { describe, expect, test } from "bun:test";
import type { ProxyConfig, ServiceView, WorkloadView } from "../mesh/index.ts";
import { createRouter, type Route } from "./route-destination.ts";

const OWN = "10.0.0.1";
const SERVER_ID = "spiffe://mesh.example/ns/foo/sa/server";
const FORBIDDEN = ["169.254.1.1", "10.9.9.9"];

const endpoint = (address: string, tls = true) => ({ podUid: address, address, port: 8080, tls });

const SERVICE: ServiceView = {
  namespace: "foo",
  name: "server",
  address: "10.96.0.1",
  ports: [
    {
      port: 80,
      protocol: "http",
      endpoints: ["10.0.0.2", "10.0.0.3"].map((a) => endpoint(a)),
      expectedSpiffeIds: [SERVER_ID],
    },
    { port: 81, protocol: "tcp", endpoints: [], expectedSpiffeIds: [] },
    {
      port: 82,
      protocol: "tcp",
      endpoints: [endpoint("10.0.0.2"), endpoint("10.0.0.4", false)],
      expectedSpiffeIds: [],
    },
  ],
};

const workload = (address: string, more: Partial<WorkloadView> = {}): WorkloadView => ({
  podUid: address,
  namespace: "foo",
  name: `pod-${address.at(-1)}`,
  address,
  spiffeId: SERVER_ID,
  sidecar: true,
  plaintextPorts: [],
  plaintextByDefault: false,
  ...more,
});

const WORKLOADS = [
  workload("10.0.0.2"),
  workload("10.0.0.3", { plaintextPorts: [9000] }),
  workload("10.0.0.4", { sidecar: false }),
  workload("10.0.0.5", { plaintextByDefault: true }),
  workload(OWN),
];

function route(address: string, port: number, options: { sidecar?: boolean; first?: number } = {}): Route {
  const config: ProxyConfig = {
    version: 1,
    local: {
      podUid: "own",
      podName: "own",
      namespace: "foo",
      serviceAccount: "client",
      address: OWN,
      sidecar: options.sidecar ?? true,
      inboundMode: "permissive",
      inboundPorts: [],
      authorizationPolicies: [],
    },
    mesh: {
      trustDomain: "mesh.example",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [SERVICE, { namespace: "foo", name: "headless", ports: SERVICE.ports }],
      workloads: WORKLOADS,
      capturedPorts: [],
    },
  };
  return createRouter(config, FORBIDDEN).route(address, port, (count) => Math.min(options.first ?? 0, count - 1));
}

const securityOf = (found: Route) => (found.kind === "forward" ? found.targets.map(({ security }) => security) : found);

describe("the address of a Service", () => {
  test("leads to its endpoints, over mTLS, with Istio's server name and the identities that may serve", () => {
    const security = {
      kind: "mtls" as const,
      serverName: "outbound_.80_._.server.foo.svc.cluster.local",
      expectedSpiffeIds: [SERVER_ID],
    };
    expect(route("10.96.0.1", 80)).toEqual({
      kind: "forward",
      service: "server.foo:80",
      protocol: "http",
      targets: [
        { address: "10.0.0.2", port: 8080, security },
        { address: "10.0.0.3", port: 8080, security },
      ],
    });
  });

  test("begins with the endpoint that was picked, and goes round", () => {
    const found = route("10.96.0.1", 80, { first: 1 });
    expect(found.kind === "forward" && found.targets.map(({ address }) => address)).toEqual(["10.0.0.3", "10.0.0.2"]);
  });

  test("decides plaintext endpoint by endpoint, and hands on an empty list of identities as it is", () => {
    expect(securityOf(route("10.96.0.1", 82))).toEqual([
      { kind: "mtls", serverName: "outbound_.82_._.server.foo.svc.cluster.local", expectedSpiffeIds: [] },
      { kind: "plaintext" },
    ]);
  });

  test("without a ready endpoint, or at a port that it does not have, is refused", () => {
    expect(route("10.96.0.1", 81)).toEqual({
      kind: "refuse",
      reason: "no_endpoint",
      detail: "Service server.foo:81 has no ready endpoint",
      service: "server.foo:81",
      protocol: "tcp",
    });
    expect(route("10.96.0.1", 8080)).toMatchObject({
      kind: "refuse",
      reason: "unknown_destination",
      detail: "Service server.foo has no port 8080",
    });
  });

  test("is plaintext for a pod without sidecar", () => {
    expect(securityOf(route("10.96.0.1", 80, { sidecar: false }))).toEqual([
      { kind: "plaintext" },
      { kind: "plaintext" },
    ]);
  });
});

describe("the address of a pod", () => {
  test("is reached over mTLS, and only that pod's own identity may answer", () => {
    expect(route("10.0.0.2", 7000)).toEqual({
      kind: "forward",
      protocol: "auto",
      targets: [
        {
          address: "10.0.0.2",
          port: 7000,
          security: {
            kind: "mtls",
            serverName: "outbound_.7000_._.pod-2.foo.pod.cluster.local",
            expectedSpiffeIds: [SERVER_ID],
          },
        },
      ],
    });
  });

  test("has the protocol of the Service that leads to its port, else an undeclared one; none for a pod without sidecar", () => {
    expect(route("10.0.0.3", 8080)).toMatchObject({ protocol: "http" });
    // Two ports of a Service lead there: the first one decides.
    expect(route("10.0.0.2", 8080)).toMatchObject({ protocol: "http" });
    expect(route("10.0.0.4", 8080)).toMatchObject({ protocol: "tcp" });
    expect(route("10.0.0.5", 8080)).toMatchObject({ protocol: "auto" });
    expect(route("10.0.0.3", 8080, { sidecar: false })).not.toHaveProperty("protocol");
    expect(route("192.0.2.1", 8080)).not.toHaveProperty("protocol");
  });

  test("is reached in plaintext without sidecar, by workload-wide DISABLE, and at a port that is DISABLE", () => {
    for (const [address, port] of [
      ["10.0.0.4", 80],
      ["10.0.0.5", 80],
      ["10.0.0.3", 9000],
    ] as const)
      expect(securityOf(route(address, port))).toEqual([{ kind: "plaintext" }]);
    // Nearest: the port beside it.
    expect(securityOf(route("10.0.0.3", 9001))).toMatchObject([{ kind: "mtls" }]);
  });
});

describe("other addresses", () => {
  test("of nobody in the mesh are reached as they are, in plaintext", () => {
    expect(route("192.0.2.1", 443)).toEqual({
      kind: "forward",
      targets: [{ address: "192.0.2.1", port: 443, security: { kind: "plaintext" } }],
    });
  });

  for (const address of [OWN, ...FORBIDDEN, "169.254.0.7", "127.0.0.1", "127.255.0.1", "0.0.0.0"])
    test(`${address} leads back to us or around us: refused`, () => {
      expect(route(address, 80)).toMatchObject({ kind: "refuse", reason: "unknown_destination" });
    });

  test("nearest that are not: 169.253 and 169.255, 128", () => {
    for (const address of ["169.253.1.1", "169.255.1.1", "128.0.0.1", "10.0.0.99"])
      expect(route(address, 80).kind).toBe("forward");
  });
});
