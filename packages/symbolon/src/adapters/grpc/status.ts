import { isSymbolonError, type Status, type SymbolonError } from "@symbolon/spiffe/core";
import { errorInfo } from "../../core/index.ts";
import { GRPC_CODE, type GrpcCode, type GrpcStatus, GrpcStatusError } from "./grpc-status.ts";

/** The only place that turns our statuses into gRPC's. */
const GRPC_CODES: Readonly<Record<Status, GrpcCode>> = {
  invalid_argument: GRPC_CODE.invalidArgument,
  unauthenticated: GRPC_CODE.unauthenticated,
  permission_denied: GRPC_CODE.permissionDenied,
  not_found: GRPC_CODE.notFound,
  already_exists: GRPC_CODE.alreadyExists,
  failed_precondition: GRPC_CODE.failedPrecondition,
  resource_exhausted: GRPC_CODE.resourceExhausted,
  deadline_exceeded: GRPC_CODE.deadlineExceeded,
  unavailable: GRPC_CODE.unavailable,
  unimplemented: GRPC_CODE.unimplemented,
  internal: GRPC_CODE.internal,
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
export function certificateServiceStatus(error: unknown): GrpcStatus {
  if (!isSymbolonError(error)) return { code: GRPC_CODE.internal, details: framed("internal error") };
  const info = errorInfo(error);
  const code = GRPC_CODES[info.status];
  if (UNFRAMED.has(error.code)) return { code, details: error.message };
  const details = framed(toldText(error));
  const { retryAfterSeconds } = error.details;
  if (typeof retryAfterSeconds !== "number") return { code, details };
  return { code, details, metadata: [[RETRY_AFTER_KEY, String(retryAfterSeconds)]] };
}

/** What an agent of this machine is told. */
export function agentServiceStatus(error: unknown): GrpcStatus {
  if (error instanceof GrpcStatusError) return error.status;
  if (!isSymbolonError(error)) return { code: GRPC_CODE.internal, details: "internal error" };
  return { code: GRPC_CODES[errorInfo(error).status], details: toldText(error) };
}

function toldText(error: SymbolonError): string {
  const { status: kind, fault } = errorInfo(error);
  if (kind === "internal") return "internal error";
  return fault === "operator" && !TOLD.has(error.code) ? error.code : error.message;
}

const framed = (detail: string): string => `CSR signing error (${detail})`;

/** Codes on which Istio's agent tries again (istio-security §6.2). */
const RETRYABLE: ReadonlySet<number> = new Set([
  GRPC_CODE.cancelled,
  GRPC_CODE.deadlineExceeded,
  GRPC_CODE.resourceExhausted,
  GRPC_CODE.aborted,
  GRPC_CODE.internal,
  GRPC_CODE.unavailable,
]);

export const isRetryable = (error: { readonly code: number }): boolean => RETRYABLE.has(error.code);
