export { type DetectedProtocol, detectHttp } from "./detect-http.ts";
export { FieldLines } from "./field-lines.ts";
export { FIELD, type FieldId } from "./field-names.ts";
export {
  type ClientCertFacts,
  clientCertElement,
  type ForwardClientCert,
  forwardedClientCert,
} from "./forwarded-client-cert.ts";
export { forwardedProto, requestId, traceId, UUID_LENGTH, writeUuid } from "./forwarded-fields.ts";
export { HeadWriter } from "./head-writer.ts";
export { HTTP1_LIMITS, type Http1Limits } from "./limits.ts";
export { LIMIT_ERRORS, MESSAGE_ERRORS, type MessageError, type MessageErrorCode } from "./message-error.ts";
export { type Framing, RequestHead, ResponseHead } from "./message-head.ts";
export type { ParserEvent } from "./message-parser.ts";
export { RecurringText } from "./recurring-text.ts";
export { RequestParser, type RequestParserOptions } from "./request-parser.ts";
export { ResponseParser } from "./response-parser.ts";
export { type FieldSet, fieldSet } from "./write-fields.ts";
export { NO_EDITS, type RequestEdits, writeRequestHead } from "./write-request.ts";
export { type ResponseEdits, type ResponseFraming, writeResponseHead } from "./write-response.ts";
