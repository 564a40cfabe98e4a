import { describe, expect, test } from "bun:test";
import type { ProxyConfig } from "../../../mesh/index.ts";
import { endpointRows, endpointTable } from "./endpoint-table.ts";
import { listenerRows, listenerTable } from "./listener-table.ts";

const local: ProxyConfig["local"] = {
  podUid: "uid-a",
  podName: "a",
  namespace: "foo",
  serviceAccount: "default",
  address: "10.0.0.1",
  sidecar: true,
  inboundMode: "permissive",
  inboundPorts: [{ port: 8080, protocol: "http", mode: "strict", decidedBy: "PeerAuthentication foo/default" }],
  authorizationPolicies: [],
};

const ID = "spiffe://cluster.local/ns/foo/sa/b";

function config(sidecar = true): ProxyConfig {
  const workload = (name: string, address: string) => ({
    podUid: `uid-${name}`,
    namespace: "foo",
    name,
    address,
    spiffeId: ID,
    sidecar: true,
    plaintextPorts: [],
    plaintextByDefault: false,
  });
  const endpoint = (name: string, address: string, tls: boolean) => ({
    podUid: `uid-${name}`,
    address,
    port: 8080,
    tls,
  });
  return {
    version: 1,
    local: { ...local, sidecar },
    mesh: {
      trustDomain: "cluster.local",
      trustDomainAliases: [],
      pathNormalization: "base",
      denialReasonHeader: false,
      clusterDomain: "cluster.local",
      services: [
        {
          namespace: "foo",
          name: "web",
          ports: [
            {
              port: 80,
              protocol: "http",
              endpoints: [endpoint("b", "10.0.0.2", true), endpoint("c", "10.0.0.3", false)],
              expectedSpiffeIds: [ID],
            },
            { port: 81, protocol: "tcp", endpoints: [], expectedSpiffeIds: [ID] },
          ],
        },
      ],
      workloads: [workload("b", "10.0.0.2"), workload("c", "10.0.0.3")],
      capturedPorts: [80],
    },
  };
}

describe("proxy-config endpoints", () => {
  test("shows each endpoint, how it is reached, and who may answer", () => {
    expect(endpointTable(endpointRows(config()))).toBe(
      [
        "SERVICE   PORT   PROTOCOL   ENDPOINT        POD     SECURITY    EXPECTED IDENTITIES",
        `web.foo   80     http       10.0.0.2:8080   b.foo   mTLS        ${ID}`,
        "web.foo   80     http       10.0.0.3:8080   c.foo   plaintext",
        "web.foo   81     tcp        none ready",
        "",
      ].join("\n"),
    );
  });

  test("a pod without sidecar reaches everything in plaintext", () => {
    expect(endpointRows(config(false)).map(({ security }) => security)).toEqual(["plaintext", "plaintext", undefined]);
  });

  test("a mesh without Services has none", () => {
    expect(endpointTable([])).toBe("No Services.\n");
  });
});

describe("proxy-config listeners", () => {
  test("shows the modes of the application's ports, and the ports that are captured", () => {
    expect(listenerTable(listenerRows({ listeners: [80, 8080], local }))).toBe(
      [
        "PORT   DIRECTION   PROTOCOL   MODE     DECIDED BY",
        "8080   inbound     http       STRICT   PeerAuthentication foo/default",
        "80     outbound",
        "8080   outbound",
        "",
      ].join("\n"),
    );
    expect(listenerTable(listenerRows({ listeners: [], local: null }))).toBe("No listeners.\n");
  });
});
