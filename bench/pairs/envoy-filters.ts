import { CLIENT_ID } from "../harness/credentials.ts";
import { principals, type Traffic } from "./pair.ts";

const EXTENSION = "type.googleapis.com/envoy.extensions";

export function envoyTcpFilters(): readonly object[] {
  return [
    {
      name: "envoy.filters.network.tcp_proxy",
      typed_config: {
        "@type": `${EXTENSION}.filters.network.tcp_proxy.v3.TcpProxy`,
        stat_prefix: "bench",
        cluster: "next",
      },
    },
  ];
}

/** HTTP/1.1 on both sides; inbound with x-forwarded-client-cert as Istio's sidecars have it, and its RBAC form of policies. */
export function envoyHttpFilters(
  role: "inbound" | "outbound",
  { policies, accessLog, tokens }: Traffic,
  logFile: string,
): readonly object[] {
  const inbound = role === "inbound";
  return [
    {
      name: "envoy.filters.network.http_connection_manager",
      typed_config: {
        "@type": `${EXTENSION}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
        stat_prefix: "bench",
        codec_type: "HTTP1",
        ...(inbound
          ? { forward_client_cert_details: "APPEND_FORWARD", set_current_client_cert_details: { uri: true } }
          : {}),
        ...(accessLog ? { access_log: [jsonLog(logFile)] } : {}),
        route_config: {
          virtual_hosts: [
            { name: "all", domains: ["*"], routes: [{ match: { prefix: "/" }, route: { cluster: "next" } }] },
          ],
        },
        http_filters: [
          ...(inbound && tokens ? [jwtAuthentication(tokens)] : []),
          ...(inbound && policies > 0 ? [rbac(policies)] : []),
          {
            name: "envoy.filters.http.router",
            typed_config: { "@type": `${EXTENSION}.filters.http.router.v3.Router`, suppress_envoy_headers: true },
          },
        ],
      },
    },
  ];
}

/** As Istio renders one rule. */
function jwtAuthentication({ issuer, jwks, cache }: NonNullable<Traffic["tokens"]>): object {
  return {
    name: "envoy.filters.http.jwt_authn",
    typed_config: {
      "@type": `${EXTENSION}.filters.http.jwt_authn.v3.JwtAuthentication`,
      bypass_cors_preflight: true,
      providers: {
        "origins-0": {
          issuer,
          local_jwks: { inline_string: jwks },
          ...(cache === undefined ? {} : { jwt_cache_config: { jwt_cache_size: cache } }),
          payload_in_metadata: "payload",
          normalize_payload_in_metadata: { space_delimited_claims: ["permission", "scope"] },
        },
      },
      rules: [
        {
          match: { prefix: "/" },
          requires: {
            requires_any: { requirements: [{ provider_name: "origins-0" }, { allow_missing: {} }] },
          },
        },
      ],
    },
  };
}

/** As Istio renders ALLOW policies with one principal and two methods each. */
function rbac(policies: number): object {
  const rules = principals(policies, CLIENT_ID).map((principal, index) => [
    `ns[bench]-policy[policy-${index}]-rule[0]`,
    {
      permissions: [{ and_rules: { rules: [{ or_rules: { rules: ["GET", "POST"].map(methodIs) } }] } }],
      principals: [
        {
          and_ids: {
            ids: [{ or_ids: { ids: [{ authenticated: { principal_name: { exact: principal } } }] } }],
          },
        },
      ],
    },
  ]);
  return {
    name: "envoy.filters.http.rbac",
    typed_config: {
      "@type": `${EXTENSION}.filters.http.rbac.v3.RBAC`,
      rules: { action: "ALLOW", policies: Object.fromEntries(rules) },
    },
  };
}

function methodIs(method: string): object {
  return { header: { name: ":method", string_match: { exact: method } } };
}

/** The fields of Istio's default access log that exist without Istio's own filters. */
function jsonLog(path: string): object {
  return {
    name: "envoy.access_loggers.file",
    typed_config: {
      "@type": `${EXTENSION}.access_loggers.file.v3.FileAccessLog`,
      path,
      log_format: {
        json_format: {
          start_time: "%START_TIME%",
          method: "%REQ(:METHOD)%",
          path: "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%",
          protocol: "%PROTOCOL%",
          response_code: "%RESPONSE_CODE%",
          response_flags: "%RESPONSE_FLAGS%",
          response_code_details: "%RESPONSE_CODE_DETAILS%",
          connection_termination_details: "%CONNECTION_TERMINATION_DETAILS%",
          bytes_received: "%BYTES_RECEIVED%",
          bytes_sent: "%BYTES_SENT%",
          duration: "%DURATION%",
          user_agent: "%REQ(USER-AGENT)%",
          request_id: "%REQ(X-REQUEST-ID)%",
          authority: "%REQ(:AUTHORITY)%",
          upstream_host: "%UPSTREAM_HOST%",
          upstream_cluster: "%UPSTREAM_CLUSTER%",
          downstream_local_address: "%DOWNSTREAM_LOCAL_ADDRESS%",
          downstream_remote_address: "%DOWNSTREAM_REMOTE_ADDRESS%",
          downstream_peer_uri_san: "%DOWNSTREAM_PEER_URI_SAN%",
          downstream_local_uri_san: "%DOWNSTREAM_LOCAL_URI_SAN%",
          downstream_tls_version: "%DOWNSTREAM_TLS_VERSION%",
          requested_server_name: "%REQUESTED_SERVER_NAME%",
        },
      },
    },
  };
}
