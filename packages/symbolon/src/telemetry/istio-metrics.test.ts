import { describe, expect, test } from "bun:test";
import type { ProxyConfig, WorkloadView } from "../mesh/index.ts";
import type { ConnectionRecord } from "./connection-record.ts";
import { createIstioMetrics } from "./istio-metrics.ts";
import type { FamilySnapshot, Labels } from "./metric-family.ts";
import { createMetricRegistry } from "./metric-registry.ts";
import type { RequestRecord } from "./request-record.ts";

const CLIENT = "spiffe://mesh.example/ns/foo/sa/client";
const SERVER = "spiffe://mesh.example/ns/bar/sa/server";

function workload(options: {
  readonly namespace: string;
  readonly name: string;
  readonly address: string;
  readonly spiffeId: string;
}): WorkloadView {
  const { name } = options;
  return {
    ...options,
    podUid: `uid of ${name}`,
    sidecar: true,
    plaintextPorts: [],
    plaintextByDefault: false,
    names: {
      workload: `${name}-deployment`,
      app: name,
      version: "v2",
      canonicalService: `${name}-service`,
      canonicalRevision: "rev",
    },
  };
}

const WORKLOADS = [
  workload({ namespace: "foo", name: "client", address: "10.0.0.1", spiffeId: CLIENT }),
  workload({ namespace: "bar", name: "server", address: "10.0.0.2", spiffeId: SERVER }),
];

function configOf(own: "client" | "server", options: { readonly sidecar?: boolean } = {}): ProxyConfig {
  const [client, server] = WORKLOADS as [WorkloadView, WorkloadView];
  const self = own === "client" ? client : server;
  return {
    version: 1,
    local: {
      podUid: self.podUid,
      podName: self.name,
      namespace: self.namespace,
      serviceAccount: own,
      address: self.address,
      sidecar: options.sidecar ?? true,
      inboundMode: "strict",
      inboundPorts: [],
      authorizationPolicies: [],
    },
    mesh: {
      trustDomain: "mesh.example",
      trustDomainAliases: [],
      pathNormalization: "base",
      clusterDomain: "cluster.local",
      denialReasonHeader: false,
      services: [
        {
          namespace: "bar",
          name: "web",
          address: "10.96.0.1",
          ports: [
            {
              port: 80,
              protocol: "http",
              endpoints: [{ podUid: server.podUid, address: server.address, port: 8080, tls: true }],
              expectedSpiffeIds: [SERVER],
            },
          ],
        },
      ],
      workloads: WORKLOADS,
      capturedPorts: [80, 8080],
    },
  };
}

function start(config: ProxyConfig | undefined) {
  const registry = createMetricRegistry();
  const current = { config };
  const metrics = createIstioMetrics(registry, () => current.config);
  const family = (name: string) => registry.snapshot().find((each) => each.name === name) as FamilySnapshot;
  return { metrics, current, family, labels: (name: string) => family(name).series.map(({ labels }) => labels) };
}

const INBOUND: RequestRecord = {
  connection: 1,
  direction: "inbound",
  start: "2026-01-01T00:00:00.000Z",
  durationMs: 7,
  peerAddress: "10.0.0.1",
  originalDestination: "10.0.0.2:8080",
  method: "GET",
  path: "/",
  protocol: "HTTP/1.1",
  status: 200,
  flags: [],
  security: "mtls",
  localSpiffeId: SERVER,
  peerSpiffeId: CLIENT,
  upstream: "169.254.1.2:8080",
  requestBytes: 3,
  responseBytes: 600,
};
const OUTBOUND: RequestRecord = {
  ...INBOUND,
  direction: "outbound",
  peerAddress: "169.254.1.2",
  originalDestination: "10.96.0.1:80",
  service: "web.bar:80",
  upstream: "10.0.0.2:8080",
  localSpiffeId: CLIENT,
  peerSpiffeId: SERVER,
};

/** istio-security §10.1. */
const SOURCE = {
  source_workload: "client-deployment",
  source_workload_namespace: "foo",
  source_principal: CLIENT,
  source_app: "client",
  source_version: "v2",
  source_cluster: "Kubernetes",
  source_canonical_service: "client-service",
  source_canonical_revision: "rev",
};
const DESTINATION = {
  destination_workload: "server-deployment",
  destination_workload_namespace: "bar",
  destination_principal: SERVER,
  destination_app: "server",
  destination_version: "v2",
  destination_cluster: "Kubernetes",
  destination_canonical_service: "server-service",
  destination_canonical_revision: "rev",
  destination_service: "web.bar.svc.cluster.local",
  destination_service_name: "web",
  destination_service_namespace: "bar",
};
const HTTP = { request_protocol: "http", response_code: "200", response_flags: "-", grpc_response_status: "" };
const unknown = (labels: Labels, prefix: string) =>
  Object.fromEntries(
    Object.keys(labels)
      .filter((name) => name.startsWith(prefix))
      .map((name) => [name, name.endsWith("canonical_revision") ? "latest" : "unknown"]),
  );

describe("Istio's metrics of requests", () => {
  test("have all labels of both ends, seen from the server and from the client", () => {
    const server = start(configOf("server"));
    server.metrics.request(INBOUND);
    expect(server.labels("istio_requests_total")).toEqual([
      { reporter: "destination", ...SOURCE, ...DESTINATION, connection_security_policy: "mutual_tls", ...HTTP },
    ]);
    const client = start(configOf("client"));
    client.metrics.request(OUTBOUND);
    expect(client.labels("istio_requests_total")).toEqual([
      { reporter: "source", ...SOURCE, ...DESTINATION, connection_security_policy: "unknown", ...HTTP },
    ]);
  });

  test("count requests, and observe time and content", () => {
    const { metrics, family } = start(configOf("server"));
    metrics.request(INBOUND);
    metrics.request({ ...INBOUND, durationMs: 0.4, responseBytes: 0 });
    expect(family("istio_requests_total").series).toMatchObject([{ value: 2 }]);
    const counts = (name: string) => {
      const [series] = family(name).series;
      return series && "counts" in series ? { sum: series.sum, counts: series.counts.slice(0, 10) } : undefined;
    };
    expect(counts("istio_request_duration_milliseconds")).toEqual({ sum: 7.4, counts: [1, 0, 0, 1, 0, 0, 0, 0, 0, 0] });
    expect(counts("istio_request_bytes")).toEqual({ sum: 6, counts: [0, 0, 2, 0, 0, 0, 0, 0, 0, 0] });
    expect(counts("istio_response_bytes")).toEqual({ sum: 600, counts: [1, 0, 0, 0, 0, 0, 0, 0, 0, 1] });
  });

  test("keep answers and flags apart", () => {
    const { metrics, family } = start(configOf("server"));
    metrics.request({ ...INBOUND, status: 404 });
    metrics.request({ ...INBOUND, status: 503, flags: ["UF", "UC"] });
    metrics.request({ ...INBOUND, status: 503 });
    metrics.request({ ...INBOUND, status: 503, flags: ["UF", "UC"] });
    const series = family("istio_requests_total").series as { labels: Labels; value: number }[];
    expect(series.map(({ labels, value }) => [labels.response_code, labels.response_flags, value])).toEqual([
      ["404", "-", 1],
      ["503", "UF,UC", 2],
      ["503", "-", 1],
    ]);
  });

  test("plaintext has no principals, and its policy is none", () => {
    const { metrics, labels } = start(configOf("server"));
    const { peerSpiffeId: _peer, ...plain } = INBOUND;
    metrics.request({ ...plain, security: "plaintext" });
    expect(labels("istio_requests_total")).toMatchObject([
      {
        source_workload: "client-deployment",
        source_principal: "unknown",
        destination_principal: "unknown",
        connection_security_policy: "none",
      },
    ]);
  });

  test("a certificate that is not the address's names nobody but itself", () => {
    const { metrics, labels } = start(configOf("server"));
    const other = "spiffe://mesh.example/ns/foo/sa/other";
    metrics.request({ ...INBOUND, peerSpiffeId: other });
    expect(labels("istio_requests_total")).toMatchObject([
      { ...unknown(SOURCE, "source_"), source_principal: other, connection_security_policy: "mutual_tls" },
    ]);
  });

  test("a certificate names its workload at any address, as long as no other workload has the same", () => {
    const { metrics, current, labels } = start(configOf("server"));
    metrics.request({ ...INBOUND, peerAddress: "127.0.0.1" });
    expect(labels("istio_requests_total")).toMatchObject([SOURCE]);
    const config = configOf("server");
    const replica = workload({ namespace: "foo", name: "client", address: "10.0.0.8", spiffeId: CLIENT });
    const other = workload({ namespace: "foo", name: "other", address: "10.0.0.9", spiffeId: CLIENT });
    current.config = { ...config, mesh: { ...config.mesh, workloads: [...WORKLOADS, replica] } };
    metrics.request({ ...INBOUND, peerAddress: "127.0.0.1" });
    expect(labels("istio_requests_total")).toMatchObject([SOURCE]);
    current.config = { ...config, mesh: { ...config.mesh, workloads: [...WORKLOADS, other, replica] } };
    metrics.request({ ...INBOUND, peerAddress: "127.0.0.1" });
    metrics.request({ ...INBOUND, peerAddress: "10.0.0.9" });
    expect(labels("istio_requests_total").map((each) => each.source_workload)).toEqual([
      "client-deployment",
      "unknown",
      "other-deployment",
    ]);
  });

  test("who is not of the mesh is unknown, and so is where no Service leads", () => {
    const server = start(configOf("server"));
    server.metrics.request({
      ...INBOUND,
      peerAddress: "192.0.2.1",
      security: "plaintext",
      originalDestination: "10.0.0.2:9",
    });
    expect(server.labels("istio_requests_total")).toMatchObject([
      { ...unknown(SOURCE, "source_"), destination_service: "unknown", destination_workload: "server-deployment" },
    ]);
    const client = start(configOf("client"));
    const { service: _service, upstream: _upstream, ...nowhere } = OUTBOUND;
    client.metrics.request({ ...nowhere, status: 404, flags: ["NR"], security: "plaintext" });
    expect(client.labels("istio_requests_total")).toMatchObject([unknown(DESTINATION, "destination_")]);
  });

  test("strangers and what they ask for make no series of their own", () => {
    const { metrics, family } = start(configOf("server"));
    for (let index = 0; index < 10_000; index++)
      metrics.request({
        ...INBOUND,
        security: "plaintext",
        peerAddress: `192.0.2.${index}`,
        path: `/${index}`,
        authority: `host-${index}`,
        userAgent: `agent-${index}`,
        method: `M${index}`,
      });
    expect(family("istio_requests_total").series).toMatchObject([{ value: 10_000 }]);
  });

  test("new names count from the next configuration on", () => {
    const { metrics, current, labels } = start(configOf("server"));
    metrics.request(INBOUND);
    current.config = { ...configOf("server"), version: 2, mesh: { ...configOf("server").mesh, services: [] } };
    metrics.request(INBOUND);
    expect(labels("istio_requests_total").map((each) => each.destination_service_name)).toEqual(["web", "unknown"]);
  });

  test("a pod without sidecar, or a proxy without configuration, counts nothing", () => {
    for (const config of [configOf("client", { sidecar: false }), undefined]) {
      const { metrics, family } = start(config);
      metrics.request(OUTBOUND);
      expect(family("istio_requests_total").series).toEqual([]);
    }
  });
});

describe("Istio's metrics of TCP", () => {
  const connection = (more: Partial<ConnectionRecord> = {}): ConnectionRecord => ({
    id: 1,
    direction: "inbound",
    start: "2026-01-01T00:00:00.000Z",
    open: true,
    protocol: "tcp",
    peerAddress: "10.0.0.1",
    originalDestination: "10.0.0.2:8080",
    security: "mtls",
    localSpiffeId: SERVER,
    peerSpiffeId: CLIENT,
    bytesSent: 0,
    bytesReceived: 0,
    ...more,
  });

  test("grow while a connection lives, and each byte and each connection counts once", () => {
    const { metrics, family, labels } = start(configOf("server"));
    const values = () =>
      ["opened_total", "closed_total"]
        .map((name) => value(`istio_tcp_connections_${name}`))
        .concat(["sent", "received"].map((name) => value(`istio_tcp_${name}_bytes_total`)));
    const value = (name: string) => {
      const [series] = family(name).series;
      return series && "value" in series ? series.value : undefined;
    };
    const record = connection({ bytesSent: 10, bytesReceived: 4 });
    metrics.connectionsLive([record]);
    expect(values()).toEqual([1, 0, 10, 4]);
    metrics.connectionsLive([record]);
    expect(values()).toEqual([1, 0, 10, 4]);
    record.bytesSent = 15;
    metrics.connectionEnded(record);
    expect(values()).toEqual([1, 1, 15, 4]);
    metrics.connectionEnded(connection({ id: 2, bytesSent: 1, bytesReceived: 1 }));
    expect(values()).toEqual([2, 2, 16, 5]);
    expect(labels("istio_tcp_sent_bytes_total")).toEqual([
      {
        reporter: "destination",
        ...SOURCE,
        ...DESTINATION,
        connection_security_policy: "mutual_tls",
        request_protocol: "tcp",
        response_flags: "-",
      },
    ]);
  });

  test("do not count HTTP, nor what never reached its other end", () => {
    const { metrics, family } = start(configOf("server"));
    metrics.connectionEnded(connection({ protocol: "http", requests: 3 }));
    const { protocol: _protocol, ...undecided } = connection({ reason: "handshake_failed" });
    metrics.connectionEnded(undecided);
    expect(family("istio_tcp_connections_opened_total").series).toEqual([]);
  });
});
