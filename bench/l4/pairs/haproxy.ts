import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLIENT_ID, SERVER_DNS_NAME } from "../credentials.ts";
import type { PairContext, ProxyPair } from "./pair.ts";

/** haproxy: chain and, by a search in the DER, SPIFFE ID of the client; chain and DNS name of the server. */
export function startHaproxy(context: PairContext): ProxyPair | undefined {
  const haproxy = Bun.which("haproxy", { PATH: `${process.env.PATH}:/usr/sbin` });
  if (!haproxy) return undefined;
  const { credentials, port, backendAddress, inboundAddress, outboundAddress } = context;
  const { caFile, client, server } = credentials;
  const start = (role: string, config: string): number => {
    const file = join(context.directory, `haproxy-${role}.cfg`);
    writeFileSync(file, `${COMMON}${config}`);
    return context.programs.start([...context.pin, haproxy, "-db", "-f", file]).pid;
  };
  const inbound = `
frontend inbound
  bind ${inboundAddress}:${port} ssl crt ${server.combinedFile} ca-file ${caFile} verify required no-tls-tickets
  tcp-request content reject unless { ssl_c_der,hex -m sub ${Buffer.from(CLIENT_ID).toString("hex").toUpperCase()} }
  default_backend application
backend application
  server a ${backendAddress}:${port}
`;
  const outbound = `
frontend outbound
  bind ${outboundAddress}:${port}
  default_backend mesh
backend mesh
  server m ${inboundAddress}:${port} ssl crt ${client.combinedFile} ca-file ${caFile} verify required verifyhost ${SERVER_DNS_NAME} sni str(${SERVER_DNS_NAME}) no-ssl-reuse
`;
  return {
    name: "haproxy",
    inboundAddress,
    outboundAddress,
    pids: [start("inbound", inbound), start("outbound", outbound)],
  };
}

const COMMON = `global
  nbthread 1
  quiet
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
  tune.bufsize 32768
  tune.ssl.cachesize 0
defaults
  mode tcp
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option splice-auto
`;
