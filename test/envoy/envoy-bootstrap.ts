/** Envoy's static configuration with one listener for each policy set: TLS or plaintext, tokens, RBAC, and an answer. */
import type { AuthorizationPolicy } from "@symbolon/policy";
import type { SlowOptions } from "../oracle/slow-evaluator.ts";
import { translateRbac } from "./translate-rbac.ts";

const FILTERS = "type.googleapis.com/envoy.extensions.filters";

export interface EnvoyListener {
  readonly address: string;
  readonly port: number;
  readonly policies: readonly AuthorizationPolicy[];
  readonly options: SlowOptions;
}

export interface EnvoyKeys {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
  /** JWK set that tokens are signed with. */
  readonly jwks: string;
}

export function envoyBootstrap(listeners: readonly EnvoyListener[], keys: EnvoyKeys): object {
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
    static_resources: { listeners: listeners.map((listener) => envoyListener(listener, keys)) },
  };
}

function envoyListener(listener: EnvoyListener, keys: EnvoyKeys): object {
  const filters = [connectionManager(listener, keys)];
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

function connectionManager({ policies, options }: EnvoyListener, { jwks }: EnvoyKeys): object {
  const mode = options.pathNormalization;
  const details = "%RESPONSE_CODE_DETAILS%";
  return {
    name: "envoy.filters.network.http_connection_manager",
    typed_config: {
      "@type": `${FILTERS}.network.http_connection_manager.v3.HttpConnectionManager`,
      stat_prefix: "http",
      use_remote_address: true,
      // The client reads to the end of the connection.
      delayed_close_timeout: "0s",
      normalize_path: mode !== "none",
      merge_slashes: mode === "merge-slashes" || mode === "decode-and-merge-slashes",
      path_with_escaped_slashes_action: mode === "decode-and-merge-slashes" ? "UNESCAPE_AND_FORWARD" : "KEEP_UNCHANGED",
      // The body of every refusal says which rule refused.
      local_reply_config: { body_format: { text_format_source: { inline_string: details } } },
      route_config: {
        virtual_hosts: [
          {
            name: "all",
            domains: ["*"],
            routes: [{ match: { prefix: "" }, direct_response: { status: 200 } }],
            response_headers_to_add: [
              {
                header: {
                  key: "x-rule",
                  value: "%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%",
                },
              },
              { header: { key: "x-path", value: "%REQ(:PATH)%" } },
            ],
          },
        ],
      },
      http_filters: [
        {
          name: "envoy.filters.http.jwt_authn",
          typed_config: {
            "@type": `${FILTERS}.http.jwt_authn.v3.JwtAuthentication`,
            providers: { any: { local_jwks: { inline_string: jwks }, payload_in_metadata: "payload", forward: true } },
            rules: [
              {
                match: { prefix: "" },
                requires: { requires_any: { requirements: [{ provider_name: "any" }, { allow_missing: {} }] } },
              },
            ],
          },
        },
        ...translateRbac(policies, options),
        { name: "envoy.filters.http.router", typed_config: { "@type": `${FILTERS}.http.router.v3.Router` } },
      ],
    },
  };
}
