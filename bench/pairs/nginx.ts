import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVER_DNS_NAME } from "../harness/credentials.ts";
import { type PairContext, type Product, type ProxyPair, versionOf } from "./pair.ts";

/** Debian's, as a dynamic module; elsewhere the stream module may be built in. */
const STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so";
const find = (): string | null => Bun.which("nginx", { PATH: `${process.env.PATH}:/usr/sbin` });

/** nginx: chain of the client, chain and DNS name of the server; it cannot compare SPIFFE IDs. */
export const nginx: Product = {
  name: "nginx",
  version() {
    const binary = find();
    return binary ? versionOf([binary, "-v"], /nginx\/(\S+)/) : undefined;
  },
  can: ({ group, accessLog, policies }) => group === "X25519" && !accessLog && policies === 0,
  start,
};

function start(context: PairContext): ProxyPair {
  const { credentials, port, backendAddress, inboundAddress, outboundAddress, traffic } = context;
  const run = (role: string, server: string, to: string): number => {
    const prefix = join(context.directory, `nginx-${role}-${inboundAddress}`);
    mkdirSync(prefix);
    const config = traffic.protocol === "tcp" ? streamConfig(server) : httpConfig(server, prefix, `${to}:${port}`);
    writeFileSync(join(prefix, "nginx.conf"), mainConfig(prefix, config));
    const command = [find() ?? "nginx", "-p", prefix, "-e", "stderr", "-c", "nginx.conf"];
    return context.programs.start([...context.pin, ...command]).pid;
  };
  const http = traffic.protocol === "http";
  const inbound = `
    listen ${inboundAddress}:${port} ssl backlog=4096;
    ssl_certificate ${credentials.server.certFile};
    ssl_certificate_key ${credentials.server.keyFile};
    ssl_client_certificate ${credentials.caFile};
    ssl_verify_client on;
    ssl_verify_depth 2;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_ecdh_curve ${traffic.group};
    ssl_session_cache off;
    ssl_session_tickets off;
    ${http ? "location / { proxy_pass http://next; }" : `proxy_pass ${backendAddress}:${port};`}`;
  const outbound = `
    listen ${outboundAddress}:${port} backlog=4096;
    ${http ? "location / { proxy_pass https://next; }" : `proxy_pass ${inboundAddress}:${port}; proxy_ssl on;`}
    proxy_ssl_certificate ${credentials.client.certFile};
    proxy_ssl_certificate_key ${credentials.client.keyFile};
    proxy_ssl_trusted_certificate ${credentials.caFile};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 2;
    proxy_ssl_name ${SERVER_DNS_NAME};
    proxy_ssl_server_name on;
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    proxy_ssl_session_reuse off;`;
  return {
    name: "nginx",
    inboundAddress,
    outboundAddress,
    inboundPid: run("inbound", inbound, backendAddress),
    outboundPid: run("outbound", outbound, inboundAddress),
  };
}

function streamConfig(server: string): string {
  return `stream {
  proxy_buffer_size 64k;
  tcp_nodelay on;
  server {${server}
  }
}`;
}

/** Connections to the next hop are kept, content is passed on as it comes, nothing is logged. */
function httpConfig(server: string, prefix: string, next: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (kind) => `${kind}_temp_path ${prefix}/${kind};`,
  );
  return `http {
  access_log off;
  ${temporary.join("\n  ")}
  keepalive_requests 1000000000;
  client_max_body_size 0;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_request_buffering off;
  proxy_buffers 8 32k;
  proxy_max_temp_file_size 0;
  upstream next { server ${next}; keepalive 128; keepalive_requests 1000000000; }
  server {${server}
  }
}`;
}

function mainConfig(prefix: string, config: string): string {
  return `${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};\n` : ""}daemon off;
master_process off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${prefix}/nginx.pid;
error_log stderr alert;
events { worker_connections 4096; }
${config}
`;
}
