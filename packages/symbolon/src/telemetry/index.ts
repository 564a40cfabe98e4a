export { type AccessLineWriter, createAccessLineWriter, hasOwnLine } from "./access-line.ts";
export type { AuthorizationRecord, DryRunRecord } from "./authorization-record.ts";
export type { ConnectionRecord, RefusalReason } from "./connection-record.ts";
export type { DenialRecord, DeniedConnection, DeniedRequest, DenyingRule } from "./denial-record.ts";
export { EXPOSITION_CONTENT_TYPE, mergeMetrics, renderMetrics } from "./exposition.ts";
export { createIstioMetrics, type IstioMetrics } from "./istio-metrics.ts";
export { LineBuffer } from "./line-buffer.ts";
export {
  type Counter,
  type Family,
  type FamilyOptions,
  type FamilySnapshot,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricType,
  OVERFLOW,
  type SeriesSnapshot,
} from "./metric-family.ts";
export { createMetricRegistry, type MetricRegistry } from "./metric-registry.ts";
export {
  PLAINTEXT_RETENTION_MS,
  type PlaintextCaller,
  type PlaintextSighting,
  PlaintextSightings,
} from "./plaintext-sightings.ts";
export { createProxyMetrics, type ProxyMetrics, type ProxyVitals } from "./proxy-metrics.ts";
export type { RequestRecord, ResponseFlag } from "./request-record.ts";
export type {
  DenialExplanation,
  DenialQuery,
  ExplainedPolicy,
  ReportedDenial,
  StoredDenial,
} from "./stored-denial.ts";
