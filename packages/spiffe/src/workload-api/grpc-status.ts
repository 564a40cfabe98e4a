import { type SpiffeErrorCode, spiffeError } from "../core/index.ts";

/** Canonical status codes by name (gRPC "Status codes and their use in gRPC"). */
export const GRPC_STATUS = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

/** Those with a meaning of their own in the Workload Endpoint (appendix A); every other one is a failure to be tried again. */
const CODES: ReadonlyMap<number, SpiffeErrorCode> = new Map([
  [GRPC_STATUS.invalidArgument, "ERR_WORKLOAD_API_REFUSED"],
  [GRPC_STATUS.deadlineExceeded, "ERR_WORKLOAD_API_DEADLINE"],
  [GRPC_STATUS.permissionDenied, "ERR_WORKLOAD_API_NO_IDENTITY"],
  [GRPC_STATUS.unimplemented, "ERR_WORKLOAD_API_UNIMPLEMENTED"],
  [GRPC_STATUS.unavailable, "ERR_WORKLOAD_API_UNAVAILABLE"],
]);

const LONGEST_MESSAGE_CHARACTERS = 1024;

/** @param text `grpc-message` as it came */
export function grpcError(method: string, status: number, text: string) {
  const names: Readonly<Record<number, string>> = Object.fromEntries(
    Object.entries(GRPC_STATUS).map(([name, code]) => [code, name]),
  );
  const said = printable(percentDecoded(text)).slice(0, LONGEST_MESSAGE_CHARACTERS) || "no reason given";
  const message = `${method}: the Workload API answered ${names[status] ?? `status ${status}`}: ${said}`;
  return spiffeError(CODES.get(status) ?? "ERR_WORKLOAD_API_FAILED", message, {
    details: { method, grpcStatus: status, grpcMessage: said },
  });
}

/** Of an answer that is not gRPC's (gRPC "HTTP to gRPC Status Code Mapping"). */
export function statusOfHttp(httpStatus: number): number {
  switch (httpStatus) {
    case 400:
      return GRPC_STATUS.internal;
    case 401:
      return GRPC_STATUS.unauthenticated;
    case 403:
      return GRPC_STATUS.permissionDenied;
    case 404:
      return GRPC_STATUS.unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return GRPC_STATUS.unavailable;
    default:
      return GRPC_STATUS.unknown;
  }
}

/** As much as can be decoded: a message must never hide its status. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A terminal that prints an error must not be told what to do by it. */
function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]/gu, "?").replace(/\s+/g, " ");
}
