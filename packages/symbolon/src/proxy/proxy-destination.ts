import { ipv4ToNumber, type ProxyConfig } from "../mesh/data-plane.ts";
import type { LocalReply } from "./http-service.ts";
import type { RequestHead } from "./http1/index.ts";
import { addressesOf } from "./resolve-name.ts";

/** Where a client of the proxy wants to. */
export interface ProxyDestination {
  /** Of the mesh; outside it what the machine's resolver is to be asked for. */
  readonly address: string;
  readonly port: number;
}

export type DestinationResult =
  | ({ readonly kind: "found" } & ProxyDestination)
  | { readonly kind: "refused"; readonly reply: LocalReply };

/** Value of the one Proxy-Authorization field; undefined for none and for several. */
export function proxyAuthorization({ fields }: RequestHead): string | undefined {
  let found: string | undefined;
  for (let index = 0; index < fields.count; index++) {
    if (fields.name(index) !== "proxy-authorization") continue;
    if (found !== undefined) return undefined;
    found = fields.value(index);
  }
  return found;
}

/** Of a target in absolute form, which is http or https. */
export function isHttps({ fields, authorityStart }: RequestHead): boolean {
  return fields.bytes
    .toString("latin1", 0, fields.base + authorityStart)
    .toLowerCase()
    .endsWith("https://");
}

/** Host and port of a request's target. @param defaultPort of the scheme; undefined where the port has to be said */
export function authorityOf(
  head: RequestHead,
  defaultPort: number | undefined,
): { readonly host: string; readonly port: number } {
  const text = head.authority ?? "";
  // The parser has let nothing else pass than host[:port].
  const [, host = "", port] = /^(.*?)(?::(\d+))?$/.exec(text) ?? [];
  return { host: host.toLowerCase().replace(/\.$/, ""), port: port === undefined ? (defaultPort ?? 0) : Number(port) };
}

/**
 * Names as the mesh's DNS would answer them; of a headless Service's addresses one is picked. Other names and IPv4
 * addresses are passed on, but for those that are the machine's own.
 */
export function destinationOf(
  { host, port }: { readonly host: string; readonly port: number },
  config: ProxyConfig,
  pick: (count: number) => number,
): DestinationResult {
  if (port === 0) return refuse(400, "the target has no port");
  if (host.startsWith("[")) return refuse(404, "the mesh has no IPv6 addresses");
  if (ipv4ToNumber(host) !== undefined) return { kind: "found", address: host, port };
  if (isLocalName(host)) return refuse(404, `${host} is this machine itself; no_proxy names it`);
  // 127.1, 0x7f000001: resolvers take them for addresses, which is a way around every list of them.
  if (/^(0x[0-9a-f]*|\d+)$/.test(host.split(".").at(-1) ?? "")) return refuse(404, `${host} is no address`);
  const found = addressesOf(host, config);
  if (found === "outside") return { kind: "found", address: host, port };
  if (found === "unknown") return refuse(404, `the mesh has no Service ${host}`);
  const address = found[found.length > 1 ? pick(found.length) : 0];
  return address === undefined
    ? { kind: "refused", reply: { status: 503, flag: "UH", detail: `Service ${host} has no ready endpoint` } }
    : { kind: "found", address, port };
}

function isLocalName(host: string): boolean {
  return host === "localhost" || host.endsWith(".localhost") || host === "";
}

function refuse(status: number, detail: string): DestinationResult {
  return { kind: "refused", reply: { status, flag: "NR", detail } };
}
