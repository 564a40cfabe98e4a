export { type BackoffOptions, fullJitterBackoffMs } from "./backoff.ts";
export { decodeBase64, decodeBase64Url, encodeBase64, encodeBase64Url } from "./base64.ts";
export { concatBytes, equalBytes, toHex } from "./bytes.ts";
export { type Clock, sleep, systemClock, type Timer } from "./clock.ts";
export { type Curve, type CurveName, curveNamed, isPointOnCurve } from "./elliptic-curve.ts";
export {
  assertNever,
  type ErrorCatalogue,
  type ErrorInfo,
  errorText,
  type Fault,
  isSymbolonError,
  type Status,
  SymbolonError,
} from "./errors.ts";
export { holdProcess } from "./hold-process.ts";
export { lazy } from "./lazy.ts";
export { type Log, type LogFields, silentLog } from "./log.ts";
export { createObservable, type MutableObservable, type Observable } from "./observable.ts";
export { type Random, systemRandom } from "./random.ts";
export { looksLikeRocaModulus, smallFactorOf } from "./rsa-modulus.ts";
export type { CancelSignal } from "./runtime-globals.ts";
export { Secret } from "./secret.ts";
export { SPIFFE_ERRORS, type SpiffeErrorCode, spiffeError } from "./spiffe-errors.ts";
export {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJsonObject,
  parseStrictJson,
} from "./strict-json.ts";
export { decodeUtf8, encodeUtf8 } from "./utf8.ts";
