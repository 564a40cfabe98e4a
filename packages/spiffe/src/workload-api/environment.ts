/** Value of `SPIFFE_ENDPOINT_SOCKET`, which the standard names as the place to look when no address is given (Workload Endpoint §4). */
export function endpointSocketOfEnvironment(): string | undefined {
  return process.env.SPIFFE_ENDPOINT_SOCKET;
}
