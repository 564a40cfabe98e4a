import type { Exchange, Outcome, Target } from "../generator/orders.ts";
import type { ProxyPair, Traffic } from "../pairs/pair.ts";
import { SERVER_DNS_NAME } from "./credentials.ts";
import { cpuSeconds, residentMegabytes } from "./process-usage.ts";
import type { Session } from "./session.ts";

/** Which proxies are in the account: both, or the server's, to which the generator then speaks mutual TLS itself. */
export type Side = "pair" | "server";

export interface Load {
  readonly connections: number;
  readonly exchange: Exchange;
  /** True: every exchange has a connection of its own. */
  readonly newConnections: boolean;
}

/** One run of one pair. */
export interface Measurement {
  /** Exchanges for each CPU second that the proxies in the account used together. */
  readonly perCpuSecond: number;
  /** Exchanges for each second of the clock: says how busy the machine was, compares nothing. */
  readonly perSecond: number;
  /** Resident at the end. */
  readonly megabytes: number;
}

export async function measure(
  session: Session,
  pair: ProxyPair,
  side: Side,
  { traffic, load, seconds }: { readonly traffic: Traffic; readonly load: Load; readonly seconds: number },
): Promise<Measurement> {
  const { connections, exchange } = load;
  const pids = side === "pair" ? [pair.outboundPid, pair.inboundPid] : [pair.inboundPid];
  const target = targetOf(session, pair, side, traffic);
  if (!load.newConnections) await session.load.send({ kind: "connect", target, connections, exchange });
  const before = cpuSeconds(pids);
  const outcome: Outcome = await session.load.send(
    load.newConnections ? { kind: "run-new", target, connections, exchange, seconds } : { kind: "run", seconds },
  );
  const cpu = cpuSeconds(pids) - before;
  const megabytes = residentMegabytes(pids);
  await session.load.send({ kind: "close" });
  return { perCpuSecond: outcome.exchanges / cpu, perSecond: outcome.exchanges / outcome.seconds, megabytes };
}

export function targetOf({ credentials }: Session, pair: ProxyPair, side: Side, { group }: Traffic): Target {
  if (side === "pair") return { address: pair.outboundAddress };
  const { certFile, keyFile } = credentials.client;
  return { address: pair.inboundAddress, tls: { certFile, keyFile, serverName: SERVER_DNS_NAME, groups: group } };
}
