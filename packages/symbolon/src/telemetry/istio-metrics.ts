import type { MeshView, ProxyConfig } from "../mesh/index.ts";
import type { ConnectionRecord } from "./connection-record.ts";
import type { Counter, Histogram } from "./metric-family.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import type { RequestRecord } from "./request-record.ts";
import { createEdgeNames, EDGE_LABELS, type EdgeNames, type Traffic } from "./traffic-edge.ts";

/** Istio's standard metrics of one proxy (istio-security §10.1). */
export interface IstioMetrics {
  request(record: RequestRecord): void;
  /** Of TCP, told once when it has ended. HTTP is counted by its requests. */
  connectionEnded(record: ConnectionRecord): void;
  /** What live TCP connections have carried since they were last looked at; told before each read. */
  connectionsLive(records: readonly ConnectionRecord[]): void;
}

/** Envoy's default buckets, as Istio's dashboards know them; milliseconds and bytes alike. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000,
  3_600_000,
];
const REQUEST_LABELS = [...EDGE_LABELS, "request_protocol", "response_code", "response_flags", "grpc_response_status"];
const TCP_LABELS = [...EDGE_LABELS, "request_protocol", "response_flags"];
const NO_FLAGS = "-";
/** Pairs of ends whose series are kept at hand. Beyond it they are looked up anew, which costs time and no memory. */
const MAX_EDGES = 4096;

interface RequestSeries {
  readonly requests: Counter;
  readonly duration: Histogram;
  readonly requestBytes: Histogram;
  readonly responseBytes: Histogram;
}

interface TcpSeries {
  readonly opened: Counter;
  readonly closed: Counter;
  readonly sent: Counter;
  readonly received: Counter;
}

interface Edge {
  readonly values: readonly string[];
  /** By status, of requests without flags: nearly all. */
  readonly plain: Map<number, RequestSeries>;
  tcp?: TcpSeries;
}

/** @param config in force; nothing is counted for a pod without sidecar, which in Istio has nothing that counts */
export function createIstioMetrics(registry: MetricRegistry, config: () => ProxyConfig | undefined): IstioMetrics {
  const requests = registry.counter({
    name: "istio_requests_total",
    help: "Requests handled by a proxy.",
    labels: REQUEST_LABELS,
  });
  const histogram = (name: string, help: string) =>
    registry.histogram({ name, help, labels: REQUEST_LABELS, bounds: BUCKETS });
  const duration = histogram("istio_request_duration_milliseconds", "Time from a request's head to its answer's end.");
  const requestBytes = histogram("istio_request_bytes", "Content of requests.");
  const responseBytes = histogram("istio_response_bytes", "Content of answers.");
  const tcpCounter = (name: string, help: string) => registry.counter({ name, help, labels: TCP_LABELS });
  const sent = tcpCounter("istio_tcp_sent_bytes_total", "Bytes sent to those who opened TCP connections.");
  const received = tcpCounter(
    "istio_tcp_received_bytes_total",
    "Bytes received from those who opened TCP connections.",
  );
  const opened = tcpCounter("istio_tcp_connections_opened_total", "TCP connections opened.");
  const closed = tcpCounter("istio_tcp_connections_closed_total", "TCP connections closed.");

  let names: EdgeNames | undefined;
  let namesOf: MeshView | undefined;
  let edges = new Map<string, Map<string, Map<string, Edge>>>();
  let edgeCount = 0;
  /** Bytes of live connections that have been counted. */
  const counted = new WeakMap<ConnectionRecord, { sent: number; received: number }>();

  return {
    request(record) {
      const edge = edgeOf(record);
      if (!edge) return;
      const series = requestSeries(edge, record);
      series.requests.value++;
      series.duration.observe(record.durationMs);
      series.requestBytes.observe(record.requestBytes);
      series.responseBytes.observe(record.responseBytes);
    },
    connectionEnded(record) {
      const series = countBytes(record);
      if (!series) return;
      series.closed.add();
      counted.delete(record);
    },
    connectionsLive(records) {
      for (const record of records) countBytes(record);
    },
  };

  function requestSeries(edge: Edge, { status, flags }: RequestRecord): RequestSeries {
    const known = flags.length === 0 ? edge.plain.get(status) : undefined;
    if (known) return known;
    const values = [...edge.values, "http", String(status), flags.length === 0 ? NO_FLAGS : flags.join(","), ""];
    const series = {
      requests: requests.with(values),
      duration: duration.with(values),
      requestBytes: requestBytes.with(values),
      responseBytes: responseBytes.with(values),
    };
    if (flags.length === 0) edge.plain.set(status, series);
    return series;
  }

  /** Undefined: no TCP connection, or one that never reached its other end. */
  function countBytes(record: ConnectionRecord): TcpSeries | undefined {
    if (record.protocol !== "tcp") return undefined;
    const edge = edgeOf(record);
    if (!edge) return undefined;
    edge.tcp ??= tcpSeries(edge);
    let before = counted.get(record);
    if (!before) {
      before = { sent: 0, received: 0 };
      counted.set(record, before);
      edge.tcp.opened.add();
    }
    edge.tcp.sent.add(record.bytesSent - before.sent);
    edge.tcp.received.add(record.bytesReceived - before.received);
    before.sent = record.bytesSent;
    before.received = record.bytesReceived;
    return edge.tcp;
  }

  function tcpSeries(edge: Edge): TcpSeries {
    const values = [...edge.values, "tcp", NO_FLAGS];
    return {
      opened: opened.with(values),
      closed: closed.with(values),
      sent: sent.with(values),
      received: received.with(values),
    };
  }

  /** No string is made here: those of the record are the keys. */
  function edgeOf(traffic: Traffic): Edge | undefined {
    const current = config();
    if (!current?.local.sidecar) return undefined;
    // Most changes are of policies, and leave the names as they are.
    if (current.mesh !== namesOf || !names || edgeCount >= MAX_EDGES) {
      namesOf = current.mesh;
      names = createEdgeNames(current);
      edges = new Map();
      edgeCount = 0;
    }
    const outbound = traffic.direction === "outbound";
    // The direction need not be part of the key: a Service never looks like an address.
    const bySource = branch(edges, outbound ? (traffic.service ?? "") : traffic.peerAddress);
    const byTarget = branch(bySource, outbound ? (traffic.upstream ?? "") : traffic.originalDestination);
    const peer = traffic.security === "mtls" ? (traffic.peerSpiffeId ?? "") : "";
    let edge = byTarget.get(peer);
    if (!edge) {
      edge = { values: names.valuesOf(traffic), plain: new Map() };
      byTarget.set(peer, edge);
      edgeCount++;
    }
    return edge;
  }
}

function branch<Value>(map: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let inner = map.get(key);
  if (!inner) {
    inner = new Map();
    map.set(key, inner);
  }
  return inner;
}
