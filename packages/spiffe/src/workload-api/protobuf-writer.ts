import { concatBytes, encodeUtf8 } from "../core/index.ts";

/** Length-delimited fields, the only ones that the Workload API's own messages have. Empty ones are left out, as proto3 does. */
export function encodeField(number: number, value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? encodeUtf8(value) : value;
  return bytes.length === 0 ? new Uint8Array() : encodeMessageField(number, bytes);
}

/** A field that is there also when it is empty: an element of a repeated field, or a message. */
export function encodeMessageField(number: number, bytes: Uint8Array): Uint8Array {
  return concatBytes(encodeVarint(number * 8 + 2), encodeVarint(bytes.length), bytes);
}

export function encodeRepeated(number: number, values: readonly (string | Uint8Array)[]): Uint8Array {
  return concatBytes(
    ...values.map((value) => encodeMessageField(number, typeof value === "string" ? encodeUtf8(value) : value)),
  );
}

/** `map<string, bytes>`. */
export function encodeMap(number: number, entries: Iterable<readonly [string, Uint8Array]>): Uint8Array {
  const encoded = [...entries].map(([key, value]) => concatBytes(encodeField(1, key), encodeField(2, value)));
  return encodeRepeated(number, encoded);
}

/** @param value a whole number from 0 to 2^53-1 */
export function encodeVarint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
