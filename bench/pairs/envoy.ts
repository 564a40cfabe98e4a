import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { findEnvoy } from "../../tools/envoy.ts";
import { CLIENT_ID, type KeyFiles, SERVER_ID } from "../harness/credentials.ts";
import { envoyHttpFilters, envoyTcpFilters } from "./envoy-filters.ts";
import { type KeyGroup, type PairContext, type Product, type ProxyPair, versionOf } from "./pair.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions";

/** Envoy: chain and SPIFFE ID on both sides; tcp_proxy, or its HTTP connection manager with what Istio has it do. */
export const envoy: Product = {
  name: "envoy",
  version() {
    const binary = findEnvoy();
    return binary && versionOf([binary, "--version"], /\/(\d+\.\d+\.\d+)\//);
  },
  can: () => true,
  start,
};

function start(context: PairContext): ProxyPair {
  const { credentials, port, backendAddress, inboundAddress, outboundAddress, traffic } = context;
  const { caFile, client, server } = credentials;
  const binary = findEnvoy() ?? "envoy";
  const run = (role: "inbound" | "outbound", bootstrapped: object): number => {
    const file = join(context.directory, `envoy-${role}-${inboundAddress}.json`);
    writeFileSync(file, JSON.stringify(bootstrapped));
    const flags = ["--concurrency", "1", "--disable-hot-restart", "-l", "error"];
    return context.programs.start([...context.pin, binary, "-c", file, ...flags]).pid;
  };
  const filters = (role: "inbound" | "outbound"): readonly object[] =>
    traffic.protocol === "tcp"
      ? envoyTcpFilters()
      : envoyHttpFilters(role, traffic, join(context.directory, `envoy-${role}-${inboundAddress}.log`));
  const inboundTls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSION}.transport_sockets.tls.v3.DownstreamTlsContext`,
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
      common_tls_context: tlsContext(caFile, server, CLIENT_ID, traffic.group),
    },
  };
  const outboundTls = {
    name: "envoy.transport_sockets.tls",
    typed_config: {
      "@type": `${EXTENSION}.transport_sockets.tls.v3.UpstreamTlsContext`,
      max_session_keys: 0,
      common_tls_context: tlsContext(caFile, client, SERVER_ID, traffic.group),
    },
  };
  return {
    name: "envoy",
    inboundAddress,
    outboundAddress,
    inboundPid: run(
      "inbound",
      bootstrap({
        listen: inboundAddress,
        to: backendAddress,
        port,
        filters: filters("inbound"),
        listenTls: inboundTls,
      }),
    ),
    outboundPid: run(
      "outbound",
      bootstrap({
        listen: outboundAddress,
        to: inboundAddress,
        port,
        filters: filters("outbound"),
        clusterTls: outboundTls,
      }),
    ),
  };
}

function tlsContext(caFile: string, own: KeyFiles, peerSpiffeId: string, group: KeyGroup): object {
  return {
    tls_params: {
      tls_minimum_protocol_version: "TLSv1_3",
      tls_maximum_protocol_version: "TLSv1_3",
      ecdh_curves: [group],
    },
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
  readonly filters: readonly object[];
  readonly listenTls?: object;
  readonly clusterTls?: object;
}): object {
  const address = (host: string) => ({ socket_address: { address: host, port_value: options.port } });
  return {
    static_resources: {
      listeners: [
        {
          name: "bench",
          address: address(options.listen),
          filter_chains: [
            {
              ...(options.listenTls ? { transport_socket: options.listenTls } : {}),
              filters: options.filters,
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
