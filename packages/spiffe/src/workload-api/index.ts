export {
  createWorkloadApiClient,
  type FetchOptions,
  type JwtSvidRequest,
  type WatchOptions,
  type WorkloadApiClient,
  type WorkloadApiClientOptions,
} from "./client.ts";
export { type EndpointAddress, parseEndpointAddress } from "./endpoint-address.ts";
export { endpointSocketOfEnvironment } from "./environment.ts";
export type { StreamProblem } from "./follow-stream.ts";
export type { HintedJwtSvid, ValidatedJwtSvid } from "./read-jwt-svids.ts";
export type { HintedX509Svid, X509Context } from "./x509-context.ts";
