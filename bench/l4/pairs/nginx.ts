import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVER_DNS_NAME } from "../credentials.ts";
import type { PairContext, ProxyPair } from "./pair.ts";

/** Debian's, as a dynamic module; elsewhere the stream module may be built in. */
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";

/** nginx's stream module: chain of the client, chain and DNS name of the server; it cannot compare SPIFFE IDs. */
export function startNginx(context: PairContext): ProxyPair | undefined {
  const nginx = Bun.which("nginx", { PATH: `${process.env.PATH}:/usr/sbin` });
  if (!nginx) return undefined;
  const { credentials, port, backendAddress, inboundAddress, outboundAddress } = context;
  const start = (role: string, server: string): number => {
    const prefix = join(context.directory, `nginx-${role}`);
    mkdirSync(prefix);
    writeFileSync(join(prefix, "nginx.conf"), mainConfig(prefix, server));
    return context.programs.start([...context.pin, nginx, "-p", prefix, "-e", "stderr", "-c", "nginx.conf"]).pid;
  };
  const inbound = `
    listen ${inboundAddress}:${port} ssl backlog=4096;
    ssl_certificate ${credentials.server.certFile};
    ssl_certificate_key ${credentials.server.keyFile};
    ssl_client_certificate ${credentials.caFile};
    ssl_verify_client on;
    ssl_verify_depth 2;
    ssl_protocols TLSv1.3;
    ssl_session_cache off;
    ssl_session_tickets off;
    proxy_pass ${backendAddress}:${port};`;
  const outbound = `
    listen ${outboundAddress}:${port} backlog=4096;
    proxy_pass ${inboundAddress}:${port};
    proxy_ssl on;
    proxy_ssl_certificate ${credentials.client.certFile};
    proxy_ssl_certificate_key ${credentials.client.keyFile};
    proxy_ssl_trusted_certificate ${credentials.caFile};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 2;
    proxy_ssl_name ${SERVER_DNS_NAME};
    proxy_ssl_server_name on;
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_session_reuse off;`;
  return {
    name: "nginx",
    inboundAddress,
    outboundAddress,
    pids: [start("inbound", inbound), start("outbound", outbound)],
  };
}

function mainConfig(prefix: string, server: string): string {
  return `${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};\n` : ""}daemon off;
master_process off;
worker_processes 1;
pid ${prefix}/nginx.pid;
error_log stderr alert;
events { worker_connections 4096; }
stream {
  proxy_buffer_size 64k;
  tcp_nodelay on;
  server {${server}
  }
}
`;
}
