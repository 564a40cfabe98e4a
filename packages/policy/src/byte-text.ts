import { encodeUtf8 } from "@symbolon/spiffe/core";

/** The text as HTTP carries it: UTF-8, one character an octet, which is how parsers of HTTP/1 hand header values over. */
export function toByteText(text: string): string {
  if (!/[^\x00-\x7f]/.test(text)) return text;
  return Array.from(encodeUtf8(text), (octet) => String.fromCharCode(octet)).join("");
}
