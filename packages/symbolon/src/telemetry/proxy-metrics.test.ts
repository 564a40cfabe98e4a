import { expect, test } from "bun:test";
import type { AuthorizationRecord } from "./authorization-record.ts";
import type { ConnectionRecord } from "./connection-record.ts";
import { createMetricRegistry } from "./metric-registry.ts";
import { createProxyMetrics, type ProxyVitals } from "./proxy-metrics.ts";
import type { RequestRecord } from "./request-record.ts";

const QUIET: ProxyVitals = {
  ready: true,
  connections: [],
  handshakes: 0,
  upstreams: { idle: 0, inUse: 0 },
  accessRecords: { written: 0, dropped: 0 },
};

const CONNECTION: ConnectionRecord = {
  id: 1,
  direction: "inbound",
  start: "2026-01-01T00:00:00.000Z",
  open: false,
  peerAddress: "10.0.0.1",
  originalDestination: "10.0.0.2:80",
  security: "none",
  bytesSent: 0,
  bytesReceived: 0,
};

function start(vitals: () => ProxyVitals = () => QUIET) {
  const registry = createMetricRegistry();
  const metrics = createProxyMetrics(registry, vitals);
  /** `value` by the values of the labels. */
  const read = (name: string) =>
    Object.fromEntries(
      (registry.snapshot().find((family) => family.name === name)?.series ?? []).map((series) => [
        Object.values(series.labels).join(" "),
        "value" in series ? series.value : Number.NaN,
      ]),
    );
  return { metrics, read };
}

const request = (authorization?: AuthorizationRecord) =>
  ({ ...(authorization ? { authorization } : {}) }) as unknown as RequestRecord;

test("what a proxy is and has is read when somebody looks", () => {
  let now = QUIET;
  const { read } = start(() => now);
  expect(read("symbolon_proxy_config_version")).toEqual({ "": 0 });
  expect(read("symbolon_certificate_expiry_timestamp_seconds")).toEqual({});
  now = {
    ready: false,
    configVersion: 7,
    certificateNotAfter: new Date(5000),
    connections: [
      { ...CONNECTION, protocol: "http" },
      { ...CONNECTION, protocol: "http" },
      { ...CONNECTION, direction: "outbound" },
    ],
    handshakes: 3,
    upstreams: { idle: 2, inUse: 1 },
    accessRecords: { written: 10, dropped: 4 },
  };
  expect(read("symbolon_proxy_ready")).toEqual({ "": 0 });
  expect(read("symbolon_proxy_config_version")).toEqual({ "": 7 });
  expect(read("symbolon_certificate_expiry_timestamp_seconds")).toEqual({ "": 5 });
  expect(read("symbolon_open_connections")).toEqual({ "inbound http": 2, "outbound undecided": 1 });
  expect(read("symbolon_handshakes_under_way")).toEqual({ "": 3 });
  expect(read("symbolon_upstream_connections")).toEqual({ idle: 2, in_use: 1 });
  expect(read("symbolon_access_records_written_total")).toEqual({ "": 10 });
  expect(read("symbolon_access_records_dropped_total")).toEqual({ "": 4 });
  now = QUIET;
  expect(read("symbolon_open_connections")).toEqual({ "inbound http": 0, "outbound undecided": 0 });
  expect(read("symbolon_certificate_expiry_timestamp_seconds")).toEqual({});
});

test("connections that are refused count by reason, failed handshakes apart", () => {
  const { metrics, read } = start();
  metrics.connectionEnded(CONNECTION);
  for (const reason of ["plaintext_refused", "peer_not_verified", "peer_not_verified"] as const)
    metrics.connectionEnded({ ...CONNECTION, reason });
  metrics.connectionEnded({ ...CONNECTION, direction: "outbound", reason: "server_identity_mismatch" });
  expect(read("symbolon_connections_refused_total")).toEqual({
    "inbound plaintext_refused": 1,
    "inbound peer_not_verified": 2,
    "outbound server_identity_mismatch": 1,
  });
  expect(read("symbolon_handshake_failures_total")).toEqual({
    "inbound peer_not_verified": 2,
    "outbound server_identity_mismatch": 1,
  });
});

test("limits count by their names", () => {
  const { metrics, read } = start();
  for (const limit of ["headerBytes", "connections", "headerBytes"]) metrics.limitReached(limit);
  expect(read("symbolon_limit_refusals_total")).toEqual({ headerBytes: 2, connections: 1 });
});

test("decisions of policies count by outcome and reason, those under dry run apart", () => {
  const { metrics, read } = start();
  const allowed: AuthorizationRecord = { outcome: "allowed", reason: "allow_rule_matched", policy: "one" };
  metrics.requestEnded(request());
  for (const record of [allowed, allowed, { ...allowed, policy: "two" }]) metrics.requestEnded(request(record));
  metrics.requestEnded(
    request({
      outcome: "allowed",
      reason: "no_allow_policy",
      dryRun: { allow: { result: "denied" }, deny: { result: "allowed" } },
    }),
  );
  metrics.connectionEnded({
    ...CONNECTION,
    reason: "access_denied",
    authorization: { outcome: "denied", reason: "deny_rule_matched" },
  });
  metrics.connectionEnded({ ...CONNECTION, authorization: allowed });
  expect(read("symbolon_authorization_decisions_total")).toEqual({
    "http allowed allow_rule_matched": 3,
    "http allowed no_allow_policy": 1,
    "tcp denied deny_rule_matched": 1,
    "tcp allowed allow_rule_matched": 1,
  });
  expect(read("symbolon_authorization_dry_run_total")).toEqual({ "http allow denied": 1, "http deny allowed": 1 });
});
