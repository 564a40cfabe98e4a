/**
 * What tells SPIFFE clients where the Workload API is (SPIFFE Workload Endpoint §4).
 * @param socketPath absolute
 */
export function endpointVariable(socketPath: string): { readonly SPIFFE_ENDPOINT_SOCKET: string } {
  // A URI: characters that have a meaning in one are written as octets.
  return { SPIFFE_ENDPOINT_SOCKET: `unix://${socketPath.split("/").map(encodeURIComponent).join("/")}` };
}
