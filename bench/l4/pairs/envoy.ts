import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "../../../tools/envoy.ts";
import { CLIENT_ID, type KeyFiles, SERVER_ID } from "../credentials.ts";
import type { PairContext, ProxyPair } from "./pair.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions";

/** Envoy's tcp_proxy: chain and SPIFFE ID on both sides. */
export function startEnvoy(context: PairContext): ProxyPair | undefined {
  const envoy = findEnvoy();
  if (!envoy) return undefined;
  const { credentials, port, backendAddress, inboundAddress, outboundAddress } = context;
  const { caFile, client, server } = credentials;
  const start = (role: string, bootstrap: object): number => {
    const file = join(context.directory, `envoy-${role}.json`);
    writeFileSync(file, JSON.stringify(bootstrap));
    const flags = ["--concurrency", "1", "--disable-hot-restart", "-l", "error"];
    return context.programs.start([...context.pin, envoy, "-c", file, ...flags]).pid;
  };
  const inboundTls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSION}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: tlsContext(caFile, server, CLIENT_ID),
    },
  };
  const outboundTls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSION}.transport_sockets.tls.v3.UpstreamTlsContext`,
      max_session_keys: 0,
      common_tls_context: tlsContext(caFile, client, SERVER_ID),
    },
  };
  return {
    name: "envoy",
    inboundAddress,
    outboundAddress,
    pids: [
      start("inbound", bootstrap({ listen: inboundAddress, to: backendAddress, port, listenTls: inboundTls })),
      start("outbound", bootstrap({ listen: outboundAddress, to: inboundAddress, port, clusterTls: outboundTls })),
    ],
  };
}

function tlsContext(caFile: string, own: KeyFiles, peerSpiffeId: string): object {
  return {
    tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
    tls_certificates: [{ certificate_chain: { filename: own.certFile }, private_key: { filename: own.keyFile } }],
    validation_context: {
      trusted_ca: { filename: caFile },
      match_typed_subject_alt_names: [{ san_type: "URI", matcher: { exact: peerSpiffeId } }],
    },
  };
}

function bootstrap(options: {
  readonly listen: string;
  readonly to: string;
  readonly port: number;
  readonly listenTls?: object;
  readonly clusterTls?: object;
}): object {
  const address = (host: string) => ({ socket_address: { address: host, port_value: options.port } });
  return {
    static_resources: {
      listeners: [
        {
          name: "l4",
          address: address(options.listen),
          filter_chains: [
            {
              ...(options.listenTls ? { transport_socket: options.listenTls } : {}),
              filters: [
                {
                  name: "envoy.filters.network.tcp_proxy",
                  typed_config: {
                    "@type": `${EXTENSION}.filters.network.tcp_proxy.v3.TcpProxy`,
                    stat_prefix: "l4",
                    cluster: "next",
                  },
                },
              ],
            },
          ],
        },
      ],
      clusters: [
        {
          name: "next",
          type: "STATIC",
          connect_timeout: "5s",
          load_assignment: {
            cluster_name: "next",
            endpoints: [{ lb_endpoints: [{ endpoint: { address: address(options.to) } }] }],
          },
          ...(options.clusterTls ? { transport_socket: options.clusterTls } : {}),
        },
      ],
    },
  };
}
