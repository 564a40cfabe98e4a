import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CLIENT_ID, SERVER_DNS_NAME } from "../harness/credentials.ts";
import { type PairContext, type Product, type ProxyPair, versionOf } from "./pair.ts";

const CLIENT_ID_HEX = Buffer.from(CLIENT_ID).toString("hex").toUpperCase();
const find = (): string | null => Bun.which("haproxy", { PATH: `${process.env.PATH}:/usr/sbin` });

/** haproxy: chain and, by a search in the DER, SPIFFE ID of the client; chain and DNS name of the server. */
export const haproxy: Product = {
  name: "haproxy",
  version() {
    const binary = find();
    return binary ? versionOf([binary, "-v"], /version (\d+\.\d+\.\d+)/) : undefined;
  },
  can: ({ group, accessLog, policies }) => group === "X25519" && !accessLog && policies === 0,
  start,
};

function start(context: PairContext): ProxyPair {
  const { credentials, port, backendAddress, inboundAddress, outboundAddress, traffic } = context;
  const { caFile, client, server } = credentials;
  const run = (role: string, config: string): number => {
    const file = join(context.directory, `haproxy-${role}-${inboundAddress}.cfg`);
    writeFileSync(file, `${common(traffic.protocol)}${config}`);
    return context.programs.start([...context.pin, find() ?? "haproxy", "-db", "-f", file]).pid;
  };
  const http = traffic.protocol === "http";
  const check = `unless { ssl_c_der,hex -m sub ${CLIENT_ID_HEX} }`;
  const inbound = `
frontend inbound
  bind ${inboundAddress}:${port} ssl crt ${server.combinedFile} ca-file ${caFile} verify required curves ${traffic.group} no-tls-tickets
  ${http ? `http-request deny deny_status 403 ${check}` : `tcp-request content reject ${check}`}
  default_backend application
backend application
  ${http ? "http-reuse always" : ""}
  server a ${backendAddress}:${port}
`;
  const outbound = `
frontend outbound
  bind ${outboundAddress}:${port}
  default_backend mesh
backend mesh
  ${http ? "http-reuse always" : ""}
  server m ${inboundAddress}:${port} ssl crt ${client.combinedFile} ca-file ${caFile} verify required verifyhost ${SERVER_DNS_NAME} sni str(${SERVER_DNS_NAME}) no-ssl-reuse
`;
  return {
    name: "haproxy",
    inboundAddress,
    outboundAddress,
    inboundPid: run("inbound", inbound),
    outboundPid: run("outbound", outbound),
  };
}

function common(mode: "tcp" | "http"): string {
  return `global
  nbthread 1
  quiet
  maxconn 4000
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-bind-ciphersuites TLS_AES_128_GCM_SHA256
  ssl-default-server-options ssl-min-ver TLSv1.3
  ssl-default-server-ciphersuites TLS_AES_128_GCM_SHA256
  tune.bufsize 32768
  tune.ssl.cachesize 0
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  option splice-auto
`;
}
