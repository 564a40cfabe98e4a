import { COLON, HOST_NAME, IP_LITERAL, LEFT_BRACKET, ZERO } from "./characters.ts";

const RIGHT_BRACKET = 93;
const NINE = 57;
const MAX_PORT = 65_535;
const MAX_PORT_DIGITS = 5;

export type PortRule = "optional" | "required";

/**
 * uri-host [ ":" port ] (RFC 9110 §7.2). Narrower than RFC 3986: no empty host, which http forbids (RFC 9110 §4.2.1), no
 * empty port, no IPv6 zone, no percent-encoding and no comma, each of which two readers can take for two hosts.
 */
export function isAuthority(bytes: Uint8Array, start: number, end: number, port: PortRule): boolean {
  const hostEnd = endOfHost(bytes, start, end);
  if (hostEnd === start) return false;
  if (hostEnd === end) return port === "optional";
  return bytes[hostEnd] === COLON && isPort(bytes, hostEnd + 1, end);
}

/** End of a host that has at least one byte; `start` when there is none. */
function endOfHost(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === LEFT_BRACKET && at < end) {
    at++;
    while (at < end && IP_LITERAL[bytes[at] as number] === 1) at++;
    // The shortest address is "::".
    return at < end && bytes[at] === RIGHT_BRACKET && at - start > 2 ? at + 1 : start;
  }
  while (at < end && HOST_NAME[bytes[at] as number] === 1) at++;
  return at;
}

function isPort(bytes: Uint8Array, start: number, end: number): boolean {
  if (end === start || end - start > MAX_PORT_DIGITS) return false;
  let port = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at] as number;
    if (digit < ZERO || digit > NINE) return false;
    port = port * 10 + digit - ZERO;
  }
  return port <= MAX_PORT;
}
