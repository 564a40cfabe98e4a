import type { SpiffeId } from "@symbolon/spiffe/id";

export interface HostPort {
  readonly host: string;
  readonly port: number;
  /** A name to resolve, no IP address. */
  readonly isName: boolean;
}

export interface EnvoyBootstrapSettings {
  /** Path of the Unix socket that secrets come from. */
  readonly socketPath: string;
  readonly nodeId: string;
  /** TCP address, or path of a Unix socket; absent: no admin interface. */
  readonly admin?: HostPort | string;
  /** Name of the own certificate: `default`, or a SPIFFE ID. */
  readonly identity: string;
  /** mTLS from outside to a plain server here. */
  readonly inbound: readonly { readonly listen: HostPort; readonly to: HostPort }[];
  /** Who may connect; a SPIFFE ID without a path is everyone of its trust domain. `any`: everyone of the own one. */
  readonly accept: "any" | readonly SpiffeId[];
  /** Plain from here to an mTLS server with exactly this identity. */
  readonly outbound: readonly { readonly listen: HostPort; readonly to: HostPort; readonly spiffeId: SpiffeId }[];
  /** `http2`: the application, too, is spoken to in HTTP/2, as gRPC needs. */
  readonly protocol: "http" | "http2" | "tcp";
  /** State of the world is what SPIRE's and Istio's agents speak; ours speak both. */
  readonly api: "delta" | "state";
}

const TYPE = "type.googleapis.com";
const SDS_CLUSTER = "symbolon-sds";
const TLS_TYPE = `${TYPE}/envoy.extensions.transport_sockets.tls.v3`;
const FILTER_TYPE = `${TYPE}/envoy.extensions.filters`;
/** A connection keeps the certificates that it began with; HTTP connections are changed without an error. */
const MAX_CONNECTION_DURATION = "3600s";

/** Static configuration of Envoy 1.40 whose certificates and trust bundles come from the Workload API's socket by SDS. */
export function envoyBootstrap(settings: EnvoyBootstrapSettings): object {
  const { inbound, outbound, admin } = settings;
  return {
    node: { id: settings.nodeId, cluster: "symbolon" },
    ...(admin !== undefined && { admin: { address: address(admin) } }),
    static_resources: {
      listeners: [
        ...inbound.map(({ listen }, at) => listener(`inbound-${at}`, listen, settings, downstreamTls(settings))),
        ...outbound.map(({ listen }, at) => listener(`outbound-${at}`, listen, settings)),
      ],
      clusters: [
        sdsCluster(settings.socketPath),
        ...inbound.map(({ to }, at) => cluster(`inbound-${at}`, to, settings)),
        ...outbound.map(({ to, spiffeId }, at) =>
          cluster(`outbound-${at}`, to, settings, upstreamTls(spiffeId, settings)),
        ),
      ],
    },
  };
}

function listener(name: string, at: HostPort, settings: EnvoyBootstrapSettings, transportSocket?: object): object {
  const isInbound = transportSocket !== undefined;
  return {
    name,
    address: address(at),
    filter_chains: [
      {
        ...(isInbound && { transport_socket: transportSocket }),
        filters: [settings.protocol !== "tcp" ? httpFilter(name, isInbound) : tcpFilter(name)],
      },
    ],
  };
}

function httpFilter(name: string, isInbound: boolean): object {
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${FILTER_TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: name,
      // The application is told who calls, and never by the caller.
      ...(isInbound && {
        forward_client_cert_details: "SANITIZE_SET",
        set_current_client_cert_details: { uri: true },
        common_http_protocol_options: { max_connection_duration: MAX_CONNECTION_DURATION },
      }),
      normalize_path: true,
      merge_slashes: true,
      route_config: {
        virtual_hosts: [
          { name, domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: name, timeout: "0s" } }] },
        ],
      },
      http_filters: [
        { name: "envoy.filters.http.router", typed_config: { "@type": `${FILTER_TYPE}.http.router.v3.Router` } },
      ],
    },
  };
}

function tcpFilter(name: string): object {
  return {
    name: "envoy.filters.network.tcp_proxy",
    typed_config: { "@type": `${FILTER_TYPE}.network.tcp_proxy.v3.TcpProxy`, stat_prefix: name, cluster: name },
  };
}

function cluster(name: string, to: HostPort, settings: EnvoyBootstrapSettings, transportSocket?: object): object {
  const protocols =
    transportSocket === undefined
      ? {
          explicit_http_config:
            settings.protocol === "http2" ? { http2_protocol_options: {} } : { http_protocol_options: {} },
        }
      : { auto_config: { http2_protocol_options: {} } };
  return {
    name,
    type: to.isName ? "STRICT_DNS" : "STATIC",
    connect_timeout: "5s",
    load_assignment: endpoint(name, address(to)),
    ...(transportSocket !== undefined && { transport_socket: transportSocket }),
    ...(settings.protocol !== "tcp" && httpOptions(protocols)),
  };
}

/** No time limit for the first secret (E6): Envoy opens no port before it can keep its promise, and heals by itself. */
function secret(name: string, { api }: EnvoyBootstrapSettings): object {
  return {
    name,
    sds_config: {
      resource_api_version: "V3",
      initial_fetch_timeout: "0s",
      api_config_source: {
        api_type: api === "delta" ? "DELTA_GRPC" : "GRPC",
        transport_api_version: "V3",
        set_node_on_first_message_only: true,
        grpc_services: [
          {
            envoy_grpc: {
              cluster_name: SDS_CLUSTER,
              // A Unix socket's path is no authority that every HTTP/2 server takes (E7).
              authority: "localhost",
              // Without it the pauses between attempts grow to half a minute (E3).
              retry_policy: { retry_back_off: { base_interval: "0.2s", max_interval: "1s" } },
            },
          },
        ],
      },
    },
  };
}

function commonTls(bundle: string, names: readonly object[], settings: EnvoyBootstrapSettings): object {
  return {
    // Envoy as a client goes no further than TLS 1.2 unless told (E5).
    tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
    ...(settings.protocol !== "tcp" && { alpn_protocols: ["h2", "http/1.1"] }),
    tls_certificate_sds_secret_configs: [secret(settings.identity, settings)],
    combined_validation_context: {
      default_validation_context: names.length > 0 ? { match_typed_subject_alt_names: names } : {},
      validation_context_sds_secret_config: secret(bundle, settings),
    },
  };
}

function downstreamTls(settings: EnvoyBootstrapSettings): object {
  const { accept } = settings;
  const names = accept === "any" ? [] : accept.map(sanMatcher);
  return transportSocket("DownstreamTlsContext", {
    require_client_certificate: true,
    // A resumed session would outlive the certificates that began it.
    disable_stateless_session_resumption: true,
    disable_stateful_session_resumption: true,
    common_tls_context: commonTls(bundleOf(accept), names, settings),
  });
}

function upstreamTls(spiffeId: SpiffeId, settings: EnvoyBootstrapSettings): object {
  return transportSocket("UpstreamTlsContext", {
    max_session_keys: 0,
    common_tls_context: commonTls(bundleOf([spiffeId]), [sanMatcher(spiffeId)], settings),
  });
}

/** The narrowest bundle that can vouch for all of them. */
function bundleOf(accept: EnvoyBootstrapSettings["accept"]): string {
  if (accept === "any") return "ROOTCA";
  const domains = [...new Set(accept.map(({ trustDomain }) => trustDomain.id().toString()))];
  return domains.length === 1 ? (domains[0] ?? "ROOTCA") : "ALL";
}

function sanMatcher(id: SpiffeId): object {
  const matcher = id.path === "" ? { prefix: `${id.toString()}/` } : { exact: id.toString() };
  return { san_type: "URI", matcher };
}

function transportSocket(context: string, config: object): object {
  return { name: "envoy.transport_sockets.tls", typed_config: { "@type": `${TLS_TYPE}.${context}`, ...config } };
}

function sdsCluster(path: string): object {
  return {
    name: SDS_CLUSTER,
    type: "STATIC",
    connect_timeout: "1s",
    load_assignment: endpoint(SDS_CLUSTER, address(path)),
    ...httpOptions({ explicit_http_config: { http2_protocol_options: {} } }),
  };
}

function httpOptions(protocols: object): object {
  const name = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  return {
    typed_extension_protocol_options: {
      [name]: {
        "@type": `${TYPE}/${name}`,
        ...protocols,
      },
    },
  };
}

function endpoint(name: string, at: object): object {
  return { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: at } }] }] };
}

function address(at: HostPort | string): object {
  if (typeof at === "string") return { pipe: { path: at } };
  return { socket_address: { address: at.host, port_value: at.port } };
}
