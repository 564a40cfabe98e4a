import { isIP } from "node:net";
import { isSymbolonError } from "@symbolon/spiffe/core";
import { SpiffeId } from "@symbolon/spiffe/id";
import { CommandExit, EXIT } from "../../exit-status.ts";
import type { EnvoyBootstrapSettings, HostPort } from "./envoy-bootstrap.ts";

export interface BootstrapFlags {
  readonly socket?: string;
  readonly inbound: readonly string[];
  readonly accept: readonly string[];
  readonly outbound: readonly string[];
  readonly identity: string;
  readonly admin?: string;
  readonly nodeId: string;
  readonly tcp?: boolean;
  readonly http2?: boolean;
  readonly stateOfTheWorld?: boolean;
}

/** @throws CommandExit with the usage status */
export function readBootstrapFlags(flags: BootstrapFlags, defaultSocket: string): EnvoyBootstrapSettings {
  if (flags.inbound.length + flags.outbound.length === 0)
    throw usage("nothing to do for Envoy: give --inbound LISTEN=APPLICATION or --outbound LISTEN=SERVER,SPIFFE-ID");
  if (flags.inbound.length > 0 && flags.accept.length === 0)
    throw usage(
      "--inbound needs to know who may connect: --accept SPIFFE-ID for each, or --accept any for everyone of the own trust domain",
    );
  if (flags.tcp && flags.http2) throw usage("--tcp and --http2 exclude each other");
  return {
    socketPath: socketPath(flags.socket ?? defaultSocket),
    nodeId: flags.nodeId,
    ...(flags.admin !== undefined && {
      admin: flags.admin.startsWith("/") ? flags.admin : hostPort("--admin", flags.admin),
    }),
    identity: flags.identity === "default" ? flags.identity : spiffeId("--identity", flags.identity).toString(),
    inbound: flags.inbound.map((text) => {
      const [listen, to] = split("--inbound", text, "=", "LISTEN=APPLICATION, as in 0.0.0.0:8443=127.0.0.1:8080");
      return { listen: ipAndPort("--inbound", listen), to: hostPort("--inbound", to) };
    }),
    accept: flags.accept.includes("any") ? "any" : flags.accept.map((text) => spiffeId("--accept", text)),
    outbound: flags.outbound.map((text) => {
      const form = "LISTEN=SERVER,SPIFFE-ID, as in 127.0.0.1:9001=db.example.org:8443,spiffe://example.org/db";
      const [listen, rest] = split("--outbound", text, "=", form);
      const [to, id] = split("--outbound", rest, ",", form);
      const parsed = spiffeId("--outbound", id);
      if (parsed.path === "")
        throw usage(`--outbound "${text}": a server is one workload; give a SPIFFE ID with a path`);
      return { listen: ipAndPort("--outbound", listen), to: hostPort("--outbound", to), spiffeId: parsed };
    }),
    protocol: flags.tcp ? "tcp" : flags.http2 ? "http2" : "http",
    api: flags.stateOfTheWorld ? "state" : "delta",
  };
}

/** As `SPIFFE_ENDPOINT_SOCKET` has it, or a plain path. */
function socketPath(text: string): string {
  const path = text.startsWith("unix:") ? text.slice("unix:".length).replace(/^\/\/(?=\/)/, "") : text;
  if (path.startsWith("/")) return path;
  throw usage(`--socket "${text}" is neither an absolute path nor unix:///PATH`);
}

function split(option: string, text: string, separator: string, form: string): readonly [string, string] {
  const at = text.indexOf(separator);
  if (at <= 0 || at === text.length - 1) throw usage(`${option} "${text}" is not ${form}`);
  return [text.slice(0, at), text.slice(at + 1)];
}

function ipAndPort(option: string, text: string): HostPort {
  const parsed = hostPort(option, text);
  if (parsed.isName) throw usage(`${option}: Envoy listens on an IP address, and "${parsed.host}" is none`);
  return parsed;
}

function hostPort(option: string, text: string): HostPort {
  const [, bracketed, bare, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+)):([0-9]{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? bare;
  const port = Number(digits);
  const isKnown = host !== undefined && (bracketed === undefined || isIP(bracketed) === 6);
  if (!isKnown || port < 1 || port > 65535)
    throw usage(`${option}: "${text}" is not HOST:PORT; an IPv6 address stands in brackets`);
  return { host, port, isName: isIP(host) === 0 };
}

function spiffeId(option: string, text: string): SpiffeId {
  try {
    return SpiffeId.parse(text);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    throw usage(`${option}: "${text}" is no SPIFFE ID: ${error.message}`);
  }
}

function usage(message: string): CommandExit {
  return new CommandExit(EXIT.usage, `error: ${message}`);
}
