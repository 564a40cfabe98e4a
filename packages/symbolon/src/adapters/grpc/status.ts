import { Metadata, type ServiceError, type StatusObject, status } from "@grpc/grpc-js";
import { isSymbolonError, type Status, type SymbolonError } from "@symbolon/spiffe/core";
import { errorInfo } from "../../core/index.ts";

/** The only place that turns our statuses into gRPC's. */
const GRPC_CODES: Readonly<Record<Status, status>> = {
  invalid_argument: status.INVALID_ARGUMENT,
  unauthenticated: status.UNAUTHENTICATED,
  permission_denied: status.PERMISSION_DENIED,
  not_found: status.NOT_FOUND,
  already_exists: status.ALREADY_EXISTS,
  failed_precondition: status.FAILED_PRECONDITION,
  resource_exhausted: status.RESOURCE_EXHAUSTED,
  deadline_exceeded: status.DEADLINE_EXCEEDED,
  unavailable: status.UNAVAILABLE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
};

/** Refusals whose text Istio gives without its usual frame (istio-security §5.2, §5.4). */
const UNFRAMED = new Set(["ERR_CA_AUTHENTICATION_FAILED", "ERR_CA_IMPERSONATION_REFUSED"]);

/** Troubles of the operator's that a caller may read; the texts of all others may name paths of this machine. */
const TOLD = new Set([
  "ERR_CA_CLOCK_BACKWARDS",
  "ERR_CA_EXPIRED",
  "ERR_ISSUANCE_LOG_FULL",
  "ERR_ISSUANCE_LOG_UNAVAILABLE",
]);

export const RETRY_AFTER_KEY = "retry-after";

/**
 * What a caller of the certificate service is told: Istio's texts (istio-security §5.5). What went wrong inside us stays
 * in the log.
 */
export function certificateServiceStatus(error: unknown): Partial<StatusObject> {
  if (!isSymbolonError(error)) return { code: status.INTERNAL, details: framed("internal error") };
  const info = errorInfo(error);
  const code = GRPC_CODES[info.status];
  if (UNFRAMED.has(error.code)) return { code, details: error.message };
  const details = framed(toldText(error));
  const { retryAfterSeconds } = error.details;
  if (typeof retryAfterSeconds !== "number") return { code, details };
  const metadata = new Metadata();
  metadata.set(RETRY_AFTER_KEY, String(retryAfterSeconds));
  return { code, details, metadata };
}

/** What an agent of this machine is told. */
export function agentServiceStatus(error: unknown): Partial<StatusObject> {
  if (!isSymbolonError(error)) return { code: status.INTERNAL, details: "internal error" };
  return { code: GRPC_CODES[errorInfo(error).status], details: toldText(error) };
}

function toldText(error: SymbolonError): string {
  const { status: kind, fault } = errorInfo(error);
  if (kind === "internal") return "internal error";
  return fault === "operator" && !TOLD.has(error.code) ? error.code : error.message;
}

const framed = (detail: string): string => `CSR signing error (${detail})`;

/** Codes on which Istio's agent tries again (istio-security §6.2). */
const RETRYABLE: ReadonlySet<status> = new Set([
  status.CANCELLED,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNAVAILABLE,
]);

export const isRetryable = (error: Pick<ServiceError, "code">): boolean => RETRYABLE.has(error.code);
