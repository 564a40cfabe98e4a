import type { AuthorizationRecord } from "./authorization-record.ts";
import type { ConnectionRecord, RefusalReason } from "./connection-record.ts";
import type { Counter } from "./metric-family.ts";
import type { MetricRegistry } from "./metric-registry.ts";
import type { RequestRecord } from "./request-record.ts";

/** What a proxy says of itself at one moment. */
export interface ProxyVitals {
  readonly ready: boolean;
  /** Absent: none yet. */
  readonly configVersion?: number;
  readonly certificateNotAfter?: Date;
  /** Open now, with what they have carried so far. */
  readonly connections: readonly ConnectionRecord[];
  readonly handshakes: number;
  readonly upstreams: { readonly idle: number; readonly inUse: number };
  readonly accessRecords: { readonly written: number; readonly dropped: number };
}

/** Metrics of a proxy that Istio has no name for. */
export interface ProxyMetrics {
  requestEnded(record: RequestRecord): void;
  connectionEnded(record: ConnectionRecord): void;
  /** A limit of SR-50 has refused something. @param limit its name in the tables of limits, never a client's text */
  limitReached(limit: string): void;
}

const HANDSHAKE_FAILURES: ReadonlySet<RefusalReason> = new Set([
  "handshake_failed",
  "handshake_timeout",
  "no_client_certificate",
  "peer_not_verified",
  "session_resumed",
  "server_identity_mismatch",
  "server_identity_unknown",
]);

export function createProxyMetrics(registry: MetricRegistry, vitals: () => ProxyVitals): ProxyMetrics {
  const gauge = (name: string, help: string, labels: readonly string[] = []) => registry.gauge({ name, help, labels });
  const counter = (name: string, help: string, labels: readonly string[] = []) =>
    registry.counter({ name, help, labels });
  const ready = gauge("symbolon_proxy_ready", "1 when the proxy takes connections, else 0.");
  const configVersion = gauge(
    "symbolon_proxy_config_version",
    "Version of the configuration in force; 0 before the first.",
  );
  const expiry = gauge(
    "symbolon_certificate_expiry_timestamp_seconds",
    "End of the certificate in use, in seconds since 1970; absent without one.",
  );
  const open = gauge("symbolon_open_connections", "Connections that are open.", ["direction", "protocol"]);
  const handshakes = gauge("symbolon_handshakes_under_way", "Inbound TLS handshakes under way.");
  const upstreams = gauge("symbolon_upstream_connections", "HTTP connections to endpoints.", ["state"]);
  const written = counter("symbolon_access_records_written_total", "Access records that are in the file.");
  const dropped = counter("symbolon_access_records_dropped_total", "Access records that are lost.");
  const refused = counter("symbolon_connections_refused_total", "Connections refused or ended early.", [
    "direction",
    "reason",
  ]);
  const failedHandshakes = counter(
    "symbolon_handshake_failures_total",
    "TLS handshakes that led to no verified peer.",
    ["direction", "reason"],
  );
  const decisions = counter("symbolon_authorization_decisions_total", "What AuthorizationPolicies decided.", [
    "protocol",
    "outcome",
    "reason",
  ]);
  const dryRuns = counter(
    "symbolon_authorization_dry_run_total",
    "What AuthorizationPolicies under dry run would have decided.",
    ["protocol", "action", "result"],
  );
  const limits = counter("symbolon_limit_refusals_total", "What a limit has refused.", ["limit"]);

  registry.beforeSnapshot(() => {
    const now = vitals();
    ready.with([]).set(now.ready ? 1 : 0);
    configVersion.with([]).set(now.configVersion ?? 0);
    expiry.clear();
    if (now.certificateNotAfter) expiry.with([]).set(now.certificateNotAfter.getTime() / 1000);
    for (const { series } of open.entries()) series.set(0);
    for (const { direction, protocol = "undecided" } of now.connections) open.with([direction, protocol]).value++;
    handshakes.with([]).set(now.handshakes);
    upstreams.with(["idle"]).set(now.upstreams.idle);
    upstreams.with(["in_use"]).set(now.upstreams.inUse);
    written.with([]).value = now.accessRecords.written;
    dropped.with([]).value = now.accessRecords.dropped;
  });

  /** Equal decisions are mostly one object: what they count in is found without a look at their texts. */
  const known = {
    http: new WeakMap<AuthorizationRecord, readonly Counter[]>(),
    tcp: new WeakMap<AuthorizationRecord, readonly Counter[]>(),
  };
  const decided = (protocol: "http" | "tcp", record: AuthorizationRecord): void => {
    let counters = known[protocol].get(record);
    if (!counters) {
      const { allow, deny } = record.dryRun ?? {};
      counters = [
        decisions.with([protocol, record.outcome, record.reason]),
        ...(allow ? [dryRuns.with([protocol, "allow", allow.result])] : []),
        ...(deny ? [dryRuns.with([protocol, "deny", deny.result])] : []),
      ];
      known[protocol].set(record, counters);
    }
    for (const each of counters) each.add();
  };

  return {
    requestEnded({ authorization }) {
      if (authorization) decided("http", authorization);
    },
    connectionEnded({ direction, reason, authorization }) {
      if (authorization) decided("tcp", authorization);
      if (reason === undefined) return;
      refused.with([direction, reason]).add();
      if (HANDSHAKE_FAILURES.has(reason)) failedHandshakes.with([direction, reason]).add();
    },
    limitReached: (limit) => limits.with([limit]).add(),
  };
}
