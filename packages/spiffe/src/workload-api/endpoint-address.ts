import { spiffeError } from "../core/index.ts";

/** Where a Workload API listens (SPIFFE Workload Endpoint §4). */
export type EndpointAddress =
  | { readonly kind: "unix" /** Absolute. */; readonly path: string }
  | { readonly kind: "tcp" /** IP address, IPv6 without brackets. */; readonly host: string; readonly port: number };

/** What the kernel takes; the last byte of `sun_path` is the terminator. */
const LONGEST_SOCKET_PATH_BYTES = 107;
const IPV4_OCTET = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${IPV4_OCTET}(?:\\.${IPV4_OCTET}){3}$`);

/**
 * Reads `unix:///path`, `unix:/path` or `tcp://IP:PORT`, and nothing else: no host name, as its owner could take the
 * connection somewhere else, and no query, fragment or user (Workload Endpoint §4; spiffe.md §4.1).
 * @throws ERR_WORKLOAD_API_ADDRESS_MISSING for undefined and "", ERR_WORKLOAD_API_ADDRESS_INVALID
 */
export function parseEndpointAddress(text: string | undefined): EndpointAddress {
  if (text === undefined || text === "") {
    const message =
      'no address of the Workload API: set SPIFFE_ENDPOINT_SOCKET, as in "unix:///run/agent.sock", or give the option "socket"';
    throw spiffeError("ERR_WORKLOAD_API_ADDRESS_MISSING", message);
  }
  if (text.startsWith("unix:")) return { kind: "unix", path: socketPath(text) };
  if (text.startsWith("tcp://")) return tcpAddress(text);
  throw invalid(text, text.startsWith("/") ? `wanted a scheme: "unix://${text}"` : 'wanted "unix:" or "tcp:"');
}

/** The address for messages. */
export function endpointAddressText(address: EndpointAddress): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}

function socketPath(text: string): string {
  const rest = text.slice("unix:".length);
  const written = rest.startsWith("//") ? rest.slice(2) : rest;
  const path = percentDecoded(text, written);
  // As it is written: an escaped slash at the start would be part of a host.
  if (!written.startsWith("/") || /^\/+$/.test(path)) {
    const host = rest.startsWith("//") && written !== "" && !written.startsWith("/");
    throw invalid(text, host ? "a Unix socket has no host: wanted three slashes" : "wanted an absolute path");
  }
  if (/[?#]/.test(rest)) throw invalid(text, "a query or fragment has no meaning here");
  if (path.includes("\0")) throw invalid(text, "the path has a zero byte");
  const bytes = new TextEncoder().encode(path).length;
  if (bytes > LONGEST_SOCKET_PATH_BYTES) {
    throw invalid(text, `the path has ${bytes} bytes, and a Unix socket's at most ${LONGEST_SOCKET_PATH_BYTES}`);
  }
  return path;
}

/** The address is a URI (RFC 3986 §2.1). */
function percentDecoded(text: string, path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw invalid(text, '"%" starts an escape, and is written "%25" itself');
  }
}

function tcpAddress(text: string): EndpointAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/?#@[\]]+)):(\d{1,5})$/.exec(text.slice("tcp://".length));
  if (!match) throw invalid(text, "wanted tcp://IP:PORT and nothing after it");
  const [, ipv6, host = "", portText] = match;
  if (ipv6 === undefined && !IPV4.test(host)) throw invalid(text, `"${host}" is no IP address`);
  if (ipv6 !== undefined && !isIpv6(ipv6)) throw invalid(text, `"${ipv6}" is no IP address`);
  const port = Number(portText);
  if (port < 1 || port > 65535) throw invalid(text, `port ${portText} is not one from 1 to 65535`);
  return { kind: "tcp", host: ipv6 ?? host, port };
}

/** The URL parser of every runtime knows the notation. */
function isIpv6(text: string): boolean {
  return URL.canParse(`http://[${text}]/`);
}

function invalid(text: string, why: string) {
  const message = `Workload API address "${text.slice(0, 200)}" cannot be used: ${why}`;
  return spiffeError("ERR_WORKLOAD_API_ADDRESS_INVALID", message, { details: { address: text } });
}
