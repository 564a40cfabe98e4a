import type { ProxyConfig } from "../mesh/index.ts";
import { HttpConnection } from "./http-connection.ts";
import type { HttpPorts } from "./http-service.ts";
import { RequestParser } from "./http1/index.ts";
import type { Leg } from "./leg.ts";
import { localReply } from "./local-reply.ts";
import { acceptOutbound, type OutboundPorts } from "./outbound.ts";
import { authorityOf, destinationOf, type ProxyDestination, proxyAuthorization } from "./proxy-destination.ts";
import { proxyRequestService } from "./proxy-request-service.ts";
import { finish, send } from "./pump.ts";

export interface ForwardProxyPorts extends OutboundPorts {
  readonly http: HttpPorts;
  readonly config: () => ProxyConfig;
  /** Clients that have not said yet where they want to. */
  readonly waiting: Set<Leg>;
  /** Whether a Proxy-Authorization field is this pod's. */
  readonly authorize: (credentials: string | undefined) => boolean;
}

const CONNECT = "CONNECT ";
const ESTABLISHED = Buffer.from("HTTP/1.1 200 Connection Established\r\n\r\n");

/**
 * A client that was told to use a proxy. CONNECT (RFC 9110 §9.3.6): from there on the connection is as if it had been
 * captured on its way. Anything else: requests that each say where they want to (RFC 9112 §3.2.2).
 */
export function acceptProxyClient(leg: Leg, ports: ForwardProxyPorts): void {
  const { limits, countLimit, waiting } = ports;
  if (ports.registry.live.size + waiting.size >= limits.connections) {
    countLimit("connections");
    return leg.terminate();
  }
  let decided = false;
  waiting.add(leg);
  leg.onFull = () => countLimit("earlyBytes");
  const cancel = ports.deadlines.add(ports.http.limits.requestHeadMs, () => {
    if (!decide()) return;
    countLimit("requestHeadMs");
    leg.terminate();
  });
  leg.owner = { onEarly: look, onEnded: () => decide() && leg.terminate(), onClosed: () => void decide() };
  look();

  /** False: somebody else has the leg already. */
  function decide(): boolean {
    if (decided) return false;
    decided = true;
    waiting.delete(leg);
    cancel();
    return true;
  }

  function look(): void {
    if (decided || leg.earlyBytes === 0) return;
    const bytes = Buffer.concat(leg.early);
    const start = bytes.toString("latin1", 0, CONNECT.length);
    if (start === CONNECT) return readConnect(bytes);
    if (!CONNECT.startsWith(start) && decide()) acceptRequests(leg, ports);
  }

  function readConnect(bytes: Buffer): void {
    const parser = new RequestParser({ allowConnect: true });
    parser.push(bytes);
    const event = parser.next();
    if (event === "more") return;
    if (!decide()) return;
    if (event === "error") return answer(parser.error?.status ?? 400);
    const { head } = parser;
    if (!ports.authorize(proxyAuthorization(head))) return answer(407);
    // Nobody knows what content of a CONNECT would mean (RFC 9110 §9.3.6).
    if (parser.next() !== "end") return answer(400);
    const destination = destinationOf(authorityOf(head, undefined), ports.config(), ports.pick);
    if (destination.kind === "refused") return answer(destination.reply.status);
    tunnelTo(destination, parser.takeRest());
  }

  function tunnelTo({ address, port }: ProxyDestination, rest: Buffer): void {
    leg.captured = { address, port };
    leg.early = rest.length > 0 ? [rest] : [];
    leg.earlyBytes = rest.length;
    send(leg, ESTABLISHED);
    acceptOutbound(leg, ports);
  }

  function answer(status: number): void {
    send(leg, localReply(status, { method: "CONNECT", close: true }));
    leg.owner = { onData: () => undefined, onClosed: () => undefined };
    finish(leg);
    ports.deadlines.add(ports.http.limits.lingerMs, () => leg.terminate());
  }
}

function acceptRequests(leg: Leg, ports: ForwardProxyPorts): void {
  const { address, port } = leg.destination;
  const connection = ports.registry.open(
    {
      direction: "outbound",
      peerAddress: leg.socket?.remoteAddress ?? "",
      originalDestination: `${address}:${port}`,
      security: "plaintext",
    },
    leg,
  );
  connection.record.protocol = "http";
  new HttpConnection(leg, connection, proxyRequestService(connection, ports), ports.http);
}
