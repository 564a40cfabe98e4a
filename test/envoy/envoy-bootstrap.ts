/** Envoy's static configuration with one listener for each policy set: TLS or plaintext, and then HTTP or bytes. */
import {
  actionFilters,
  customFilters,
  type FilterKind,
  GRPC_PROVIDERS,
  HTTP_PROVIDERS,
  type Workload,
} from "./authorization-filters.ts";
import type { Providers } from "./providers.ts";
import type { Json } from "./translate-rule.ts";

const FILTERS = "type.googleapis.com/envoy.extensions.filters";

export interface EnvoyListener extends Workload {
  readonly address: string;
  readonly port: number;
}

export interface EnvoyKeys {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** JWK set that tokens are signed with. */
  readonly jwks: string;
}

export interface EnvoySettings {
  readonly kind: FilterKind;
  readonly keys: EnvoyKeys;
  readonly providers?: Providers;
  /** Where each finished connection is written to as a line of JSON. */
  readonly accessLog?: string;
}

/** What filters have found out: an `ObservedLine`. */
function observedFormat(kind: FilterKind): Json {
  const rbac = (key: string) => `%DYNAMIC_METADATA(envoy.filters.${kind}.rbac:${key})%`;
  return {
    details: kind === "http" ? "%RESPONSE_CODE_DETAILS%" : "%CONNECTION_TERMINATION_DETAILS%",
    rule: rbac("enforced_effective_policy_id"),
    shadowDeny: rbac("istio_dry_run_deny_shadow_engine_result"),
    shadowDenyBy: rbac("istio_dry_run_deny_shadow_effective_policy_id"),
    shadowAllow: rbac("istio_dry_run_allow_shadow_engine_result"),
    shadowAllowBy: rbac("istio_dry_run_allow_shadow_effective_policy_id"),
    audit: "%DYNAMIC_METADATA(envoy.common:access_log_hint)%",
    peer: "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
    status: "%RESPONSE_CODE%",
    sent: "%BYTES_SENT%",
  };
}

export function envoyBootstrap(listeners: readonly EnvoyListener[], settings: EnvoySettings): object {
  return {
    layered_runtime: {
      layers: [
        {
          name: "static",
          // Istio cuts fragments; Envoy alone answers 400.
          static_layer: { "envoy.reloadable_features.http_reject_path_with_fragment": false },
        },
      ],
    },
    static_resources: {
      listeners: listeners.map((listener) => envoyListener(listener, settings)),
      clusters: settings.providers ? providerClusters(settings.providers) : [],
    },
  };
}

function envoyListener(listener: EnvoyListener, settings: EnvoySettings): object {
  const { kind, keys } = settings;
  const filters =
    kind === "http"
      ? [connectionManager(listener, settings)]
      : [
          ...customFilters(listener, kind),
          ...actionFilters(listener, kind),
          { name: "echo", typed_config: { "@type": `${FILTERS}.network.echo.v3.Echo` } },
        ];
  const tls = {
    "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
    require_client_certificate: true,
    common_tls_context: {
      tls_certificates: [{ certificate_chain: { filename: keys.certFile }, private_key: { filename: keys.keyFile } }],
      validation_context: { trusted_ca: { filename: keys.caFile } },
    },
  };
  return {
    name: `${listener.address}:${listener.port}`,
    address: { socket_address: { address: listener.address, port_value: listener.port } },
    ...(kind === "network" && { access_log: accessLogs(settings) }),
    listener_filters: [
      {
        name: "envoy.filters.listener.tls_inspector",
        typed_config: { "@type": `${FILTERS}.listener.tls_inspector.v3.TlsInspector` },
      },
    ],
    filter_chains: [
      {
        filter_chain_match: { transport_protocol: "tls" },
        transport_socket: { name: "envoy.transport_sockets.tls", typed_config: tls },
        filters,
      },
      { filter_chain_match: { transport_protocol: "raw_buffer" }, filters },
    ],
  };
}

function accessLogs({ accessLog, kind }: EnvoySettings): object[] {
  if (accessLog === undefined) return [];
  const typed_config = {
    "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
    path: accessLog,
    log_format: { json_format: observedFormat(kind) },
  };
  return [{ name: "file", typed_config }];
}

function providerClusters({ httpPort, grpcPort }: Providers): object[] {
  const cluster = (name: string, port: number, http2: boolean) => ({
    name,
    type: "STATIC",
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [{ endpoint: { address: { socket_address: { address: "127.0.0.1", port_value: port } } } }],
        },
      ],
    },
    ...(http2 && {
      typed_extension_protocol_options: {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
          "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
          explicit_http_config: { http2_protocol_options: {} },
        },
      },
    }),
  });
  return [cluster(HTTP_PROVIDERS, httpPort, false), cluster(GRPC_PROVIDERS, grpcPort, true)];
}

function connectionManager(listener: EnvoyListener, settings: EnvoySettings): object {
  const mode = listener.options.pathNormalization;
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: "http",
      use_remote_address: true,
      // The last address of x-forwarded-for is believed.
      xff_num_trusted_hops: 1,
      // The client reads to the end of the connection.
      delayed_close_timeout: "0s",
      normalize_path: mode !== "none",
      merge_slashes: mode === "merge-slashes" || mode === "decode-and-merge-slashes",
      path_with_escaped_slashes_action: mode === "decode-and-merge-slashes" ? "UNESCAPE_AND_FORWARD" : "KEEP_UNCHANGED",
      access_log: accessLogs(settings),
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "" }, direct_response: { status: 200 } }],
            response_headers_to_add: [{ header: { key: "x-path", value: "%REQ(:PATH)%" } }],
          },
        ],
      },
      http_filters: [
        ...customFilters(listener, "http"),
        {
          name: "envoy.filters.http.jwt_authn",
          typed_config: {
            "@type": `${FILTERS}.http.jwt_authn.v3.JwtAuthentication`,
            providers: {
              any: { local_jwks: { inline_string: settings.keys.jwks }, payload_in_metadata: "payload", forward: true },
            },
            rules: [
              {
                match: { prefix: "" },
                requires: { requires_any: { requirements: [{ provider_name: "any" }, { allow_missing: {} }] } },
              },
            ],
          },
        },
        ...actionFilters(listener, "http"),
        { name: "envoy.filters.http.router", typed_config: { "@type": `${FILTERS}.http.router.v3.Router` } },
      ],
    },
  };
}
