import type { Http1Limits } from "./limits.ts";

/**
 * Why a message was refused: stable codes, each with the status that a client is answered and the sentence it stands
 * for. A response that has one of these is answered with 502 instead.
 */
const CATALOGUE = {
  bare_cr: [400, "CR without LF (RFC 9112 §2.2)"],
  bare_lf: [400, "LF without CR: the RFC lets a recipient be lenient, an intermediary must not be (RFC 9112 §2.2)"],
  obs_fold: [400, "line folding (RFC 9112 §5.2)"],
  leading_whitespace: [400, "whitespace between start line and first field (RFC 9112 §2.2)"],
  too_many_empty_lines: [400, "more empty lines before a request than the limit (RFC 9112 §2.2)"],
  request_line_invalid: [400, "not METHOD SP target SP version (RFC 9112 §3)"],
  method_invalid: [400, "a method has upper-case letters and hyphens only, as every registered one (RFC 9110 §9.1)"],
  method_unknown: [400, "not a method that is forwarded (RFC 9110 §9.1; Envoy's default)"],
  target_invalid: [400, "a character or form that a request target cannot have (RFC 9112 §3.2)"],
  target_fragment: [400, "a request target has no fragment (RFC 9110 §7.1)"],
  target_userinfo: [400, "userinfo in an http URI (RFC 9110 §4.2.4)"],
  target_scheme: [400, "absolute form of another scheme than http and https (RFC 9112 §3.2.2)"],
  target_asterisk: [400, "asterisk form is for OPTIONS only (RFC 9112 §3.2.4)"],
  target_too_long: [414, "request target above the limit (RFC 9112 §3)"],
  connect_refused: [501, "CONNECT is not served here (RFC 9110 §9.3.6)"],
  connect_content: [400, "CONNECT with content (RFC 9110 §9.3.6)"],
  version_invalid: [400, "not HTTP/DIGIT.DIGIT (RFC 9112 §2.3)"],
  version_unsupported: [505, "another version than 1.0 and 1.1 (RFC 9110 §15.6.6)"],
  status_line_invalid: [400, "not version SP 3DIGIT SP reason (RFC 9112 §4)"],
  header_name_invalid: [400, "a field name is a token (RFC 9110 §5.1)"],
  header_name_underscore: [400, "an underscore is read as a hyphen by some servers (CV-24; Envoy's REJECT_REQUEST)"],
  header_name_whitespace: [400, "whitespace between field name and colon (RFC 9112 §5.1)"],
  header_value_invalid: [400, "a control character in a field value (RFC 9110 §5.5)"],
  headers_too_large: [431, "fields above the limit in bytes (RFC 6585 §5)"],
  too_many_headers: [431, "fields above the limit in number (RFC 6585 §5)"],
  host_missing: [400, "HTTP/1.1 without Host (RFC 9112 §3.2)"],
  host_repeated: [400, "more than one Host (RFC 9112 §3.2)"],
  host_invalid: [400, "Host is not uri-host [ ':' port ] (RFC 9110 §7.2)"],
  host_mismatch: [400, "absolute form and Host name different authorities (RFC 9112 §3.2.2)"],
  connection_invalid: [400, "Connection is not a list of tokens (RFC 9110 §7.6.1)"],
  connection_option_forbidden: [400, "Connection names a field that is for all recipients (RFC 9110 §7.6.1)"],
  expectation_unknown: [417, "Expect is not 100-continue (RFC 9110 §10.1.1)"],
  content_length_invalid: [400, "Content-Length is not 1*DIGIT (RFC 9110 §8.6)"],
  content_length_repeated: [400, "more than one Content-Length (RFC 9110 §8.6)"],
  length_and_encoding: [400, "both Content-Length and Transfer-Encoding (RFC 9112 §6.3)"],
  transfer_encoding_invalid: [400, "chunked is not the final transfer coding (RFC 9112 §6.3)"],
  transfer_encoding_repeated: [400, "more than one Transfer-Encoding (RFC 9112 §6.1)"],
  transfer_encoding_unsupported: [501, "a transfer coding besides chunked (RFC 9112 §6.1)"],
  transfer_encoding_http10: [400, "Transfer-Encoding in HTTP/1.0 (RFC 9112 §6.1)"],
  chunk_size_invalid: [400, "chunk size is not 1*HEXDIG, or has no CRLF (RFC 9112 §7.1)"],
  chunk_extension_invalid: [400, "chunk extension is not ;token[=value] (RFC 9112 §7.1.1)"],
  chunk_extensions_too_large: [400, "chunk extensions above the limit (RFC 9112 §7.1.1)"],
  chunk_unterminated: [400, "chunk data without CRLF at its end (RFC 9112 §7.1)"],
  trailer_forbidden: [400, "a field that cannot be a trailer (RFC 9110 §6.5.1)"],
  trailers_too_large: [431, "trailers above the limit (RFC 6585 §5)"],
  body_too_large: [413, "content above the limit (RFC 9110 §15.5.14)"],
  truncated: [400, "the connection ended inside a message (RFC 9112 §8)"],
} as const;

export type MessageErrorCode = keyof typeof CATALOGUE;

export interface MessageError {
  readonly code: MessageErrorCode;
  /** For whoever sent the request. */
  readonly status: number;
  readonly detail: string;
  /** The limit that the message was above; absent: it would be refused under any limits. */
  readonly limit?: keyof Http1Limits;
}

export const MESSAGE_ERRORS = Object.fromEntries(
  Object.entries(CATALOGUE).map(([code, [status, detail]]) => [code, Object.freeze({ code, status, detail })]),
) as Readonly<Record<MessageErrorCode, MessageError>>;

/** What a message above a limit is refused with. */
export const LIMIT_ERRORS: Readonly<Record<keyof Http1Limits, MessageError>> = {
  targetBytes: above("targetBytes", "target_too_long"),
  headerBytes: above("headerBytes", "headers_too_large"),
  headerLines: above("headerLines", "too_many_headers"),
  trailerBytes: above("trailerBytes", "trailers_too_large"),
  trailerLines: above("trailerLines", "trailers_too_large"),
  reasonBytes: above("reasonBytes", "status_line_invalid"),
  leadingEmptyLines: above("leadingEmptyLines", "too_many_empty_lines"),
  contentLengthDigits: above("contentLengthDigits", "content_length_invalid"),
  chunkSizeDigits: above("chunkSizeDigits", "chunk_size_invalid"),
  chunkHeaderBytes: above("chunkHeaderBytes", "chunk_extensions_too_large"),
  chunkExtensionBytes: above("chunkExtensionBytes", "chunk_extensions_too_large"),
  bodyBytes: above("bodyBytes", "body_too_large"),
};

function above(limit: keyof Http1Limits, code: MessageErrorCode): MessageError {
  return Object.freeze({ ...MESSAGE_ERRORS[code], limit });
}
