/** Who has to act on an error: the remote side, the calling code, whoever runs the system, or this project. */
export type Fault = "peer" | "caller" | "operator" | "us";

/** Canonical gRPC status names in lower case; adapters turn them into wire codes. */
export type Status =
  | "invalid_argument"
  | "unauthenticated"
  | "permission_denied"
  | "not_found"
  | "already_exists"
  | "failed_precondition"
  | "resource_exhausted"
  | "deadline_exceeded"
  | "unavailable"
  | "unimplemented"
  | "internal";

export interface ErrorInfo {
  readonly fault: Fault;
  readonly status: Status;
}

/** One catalogue a package: a code exists only by having a row here, so no code is without fault and status. */
export type ErrorCatalogue = Readonly<Record<`ERR_${string}`, ErrorInfo>>;

/**
 * The only error class. Callers tell errors apart by `code`, never by `instanceof`:
 * two copies of a package may be installed. Messages are lower case, without a full stop,
 * quote the offending value, and never hold a secret.
 */
export class SymbolonError<Code extends string = string> extends Error {
  override readonly name = "SymbolonError";
  readonly code: Code;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: Code, message: string, options: { details?: Record<string, unknown>; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isSymbolonError(error: unknown): error is SymbolonError {
  return (
    error instanceof Error && error.name === "SymbolonError" && typeof (error as { code?: unknown }).code === "string"
  );
}

/** Text of any thrown value, for logs and for `cause` lines. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Ends a `switch` over a union: a new member becomes a compile error. */
export function assertNever(value: never): never {
  throw new TypeError(`unreachable value ${JSON.stringify(value)}`);
}
