/** What the proxy says of the client that it has verified. */
export interface ClientCertFacts {
  /** SPIFFE ID of the workload behind this proxy. */
  readonly by: string;
  /** SHA-256 of the client's certificate in DER, lower-case hex. */
  readonly hash: string;
  readonly subject: string;
  /** SPIFFE ID of the client. */
  readonly uri: string;
}

/** Istio's `proxyHeaders.forwardedClientCert`; sidecars use APPEND_FORWARD inbound and SANITIZE outbound (istio-security §7). */
export type ForwardClientCert = "SANITIZE" | "FORWARD_ONLY" | "APPEND_FORWARD" | "SANITIZE_SET" | "ALWAYS_FORWARD_ONLY";

/** One element: `By=...;Hash=...;Subject="...";URI=...`. Undefined when a value cannot be written (CV-16). */
export function clientCertElement({ by, hash, subject, uri }: ClientCertFacts): string | undefined {
  if (![by, hash, subject, uri].every(isWritable)) return undefined;
  return `By=${escapeValue(by)};Hash=${escapeValue(hash)};Subject=${quote(subject)};URI=${escapeValue(uri)}`;
}

/**
 * Value of x-forwarded-client-cert to send on; undefined: none.
 * @param received values that came, in order
 * @param element of the verified client; undefined on a connection without mutual TLS, which counts as unverified
 */
export function forwardedClientCert(
  mode: ForwardClientCert,
  received: readonly string[],
  element: string | undefined,
): string | undefined {
  if (mode === "ALWAYS_FORWARD_ONLY") return join(received);
  // What an unverified client says of itself is never passed on (runtime-facts E12).
  if (element === undefined || mode === "SANITIZE") return undefined;
  if (mode === "FORWARD_ONLY") return join(received);
  return mode === "SANITIZE_SET" || received.length === 0 ? element : join([...received, element]);
}

function join(values: readonly string[]): string | undefined {
  const said = values.filter((value) => value !== "");
  return said.length > 0 ? said.join(",") : undefined;
}

function isWritable(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value);
}

/** Envoy's rule: a value that has a comma, a semicolon or an equals sign is quoted, and its quotes are escaped. */
function escapeValue(value: string): string {
  return /[,;="\\ ]/.test(value) ? quote(value) : value;
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, "\\$&")}"`;
}
