/**
 * Why a token is refused, with the words and the status of Istio's proxy (istio-security §2.5; each measured on Envoy
 * 1.40, but for `token_too_large`, which is ours).
 */
export const JWT_FAILURES = {
  token_missing: { status: 401, message: "Jwt is missing" },
  token_too_large: { status: 401, message: "Jwt is too large" },
  bad_format: {
    status: 401,
    message: "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections",
  },
  header_not_base64url: { status: 401, message: "Jwt header is an invalid Base64url encoded" },
  header_not_json: { status: 401, message: "Jwt header is an invalid JSON" },
  algorithm_missing: { status: 401, message: "Jwt header [alg] field is required and must be a string" },
  algorithm_not_supported: { status: 401, message: "Jwt header [alg] is not supported" },
  kid_not_string: { status: 401, message: "Jwt header [kid] field is not a string" },
  payload_not_base64url: { status: 401, message: "Jwt payload is an invalid Base64url encoded" },
  payload_not_json: { status: 401, message: "Jwt payload is an invalid JSON" },
  iss_not_string: { status: 401, message: "Jwt payload [iss] field is not a string" },
  sub_not_string: { status: 401, message: "Jwt payload [sub] field is not a string" },
  jti_not_string: { status: 401, message: "Jwt payload [jti] field is not a string" },
  iat_not_integer: { status: 401, message: "Jwt payload [iat] field is not an integer" },
  nbf_not_integer: { status: 401, message: "Jwt payload [nbf] field is not an integer" },
  exp_not_integer: { status: 401, message: "Jwt payload [exp] field is not an integer" },
  iat_out_of_range: { status: 401, message: "Jwt payload [iat] field is not a positive 64 bit integer" },
  nbf_out_of_range: { status: 401, message: "Jwt payload [nbf] field is not a positive 64 bit integer" },
  exp_out_of_range: { status: 401, message: "Jwt payload [exp] field is not a positive 64 bit integer" },
  aud_not_string: { status: 401, message: "Jwt payload [aud] field is not a string or string list" },
  signature_not_base64url: { status: 401, message: "Jwt signature is an invalid Base64url encoded" },
  issuer_not_configured: { status: 401, message: "Jwt issuer is not configured" },
  not_yet_valid: { status: 401, message: "Jwt not yet valid" },
  expired: { status: 401, message: "Jwt is expired" },
  audience_not_allowed: { status: 403, message: "Audiences in Jwt are not allowed" },
  signature_invalid: { status: 401, message: "Jwt verification fails" },
  no_matching_key: { status: 401, message: "Jwks doesn't have key to match kid or alg from Jwt" },
  key_set_not_json: { status: 401, message: "Jwks is an invalid JSON" },
  key_set_without_keys: { status: 401, message: "Jwks does not have [keys] field" },
  key_set_keys_not_list: { status: 401, message: "[keys] in Jwks is not an array" },
  key_set_without_valid_keys: { status: 401, message: "Jwks doesn't have any valid public key" },
  key_set_fetch_failed: { status: 401, message: "Jwks remote fetch is failed" },
} as const satisfies Record<string, { readonly status: 401 | 403; readonly message: string }>;

export type JwtFailure = keyof typeof JWT_FAILURES;

/** The answer to a request whose token is refused. */
export interface TokenRefusal {
  /** For gRPC the answer is 200 with `grpcStatus`, and `body` as its message (trailers only). */
  readonly status: 401 | 403;
  /** text/plain */
  readonly body: string;
  readonly wwwAuthenticate: string;
  /** Envoy's `%RESPONSE_CODE_DETAILS%`. */
  readonly responseCodeDetail: string;
  readonly grpcStatus?: 16 | 7;
}

export interface RefusedRequest {
  readonly scheme?: "http" | "https";
  readonly host: string;
  readonly path: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

const MAX_REALM_PATH = 256;

export function refuseToken(failure: JwtFailure, request: RefusedRequest): TokenRefusal {
  const { status, message } = JWT_FAILURES[failure];
  const uri = `${request.scheme ?? "http"}://${request.host}${request.path.slice(0, MAX_REALM_PATH)}`;
  // RFC 9110 §5.6.4: a quote would end the quoted string, and whoever sends the request writes the rest of the header.
  const realm = uri.replace(/["\\\x00-\x1f\x7f]/g, (character) => {
    return `%${character.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`;
  });
  return {
    status,
    body: message,
    // RFC 6750 §3.1: no error code for who has shown nothing.
    wwwAuthenticate: `Bearer realm="${realm}"${failure === "token_missing" ? "" : ', error="invalid_token"'}`,
    responseCodeDetail: `jwt_authn_access_denied{${message.replaceAll(" ", "_")}}`,
    ...(isGrpc(request) ? { grpcStatus: status === 403 ? 7 : 16 } : {}),
  };
}

/** gRPC-Web is not gRPC: it gets the HTTP status (measured). */
function isGrpc(request: RefusedRequest): boolean {
  const [contentType = ""] = request.headers.get("content-type") ?? [];
  return contentType === "application/grpc" || contentType.startsWith("application/grpc+");
}
