/** Codes of gRPC's calls (gRPC, "Status codes and their use"). */
export const GRPC_CODE = {
  ok: 0,
  cancelled: 1,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  unauthenticated: 16,
} as const;

export type GrpcCode = (typeof GRPC_CODE)[keyof typeof GRPC_CODE];

/** How a call ends. */
export interface GrpcStatus {
  readonly code: GrpcCode;
  readonly details: string;
  /** Sent behind the status. */
  readonly metadata?: readonly (readonly [name: string, value: string])[];
}

/** An end of a call that the server itself decides, whatever the service. */
export class GrpcStatusError extends Error {
  readonly status: GrpcStatus;

  constructor(status: GrpcStatus) {
    super(status.details);
    this.status = status;
  }
}
