import { runtime } from "./runtime-globals.ts";

/** Undefined for anything but UTF-8 (RFC 3629). A byte order mark is a character like any other. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new runtime.TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** A surrogate without its pair becomes U+FFFD: it has no bytes of its own. */
export function encodeUtf8(text: string): Uint8Array {
  return new runtime.TextEncoder().encode(text);
}
