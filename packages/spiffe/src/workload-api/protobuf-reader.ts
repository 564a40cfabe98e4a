import { decodeUtf8, spiffeError } from "../core/index.ts";

/** One field of a message as it is on the wire; what it means is the message's matter (protobuf encoding, "Message Structure"). */
export type ProtobufField =
  | { readonly number: number; readonly wireType: 0; readonly value: bigint }
  | { readonly number: number; readonly wireType: 1 | 2 | 5; readonly bytes: Uint8Array };

const LARGEST_FIELD_NUMBER = 2 ** 29 - 1;
/** Ten groups of seven bits hold 64. */
const LONGEST_VARINT = 10;

/**
 * The fields of a message in order, whatever their numbers: who reads them skips those it does not know. Groups, which
 * proto3 does not have, are refused, and so is anything that ends early.
 * @param message is not copied: byte fields are views of it
 * @throws ERR_WORKLOAD_API_RESPONSE_INVALID
 */
export function* readFields(message: Uint8Array): Generator<ProtobufField, void> {
  const cursor = { bytes: message, at: 0 };
  while (cursor.at < message.length) {
    const tag = readVarint(cursor);
    const number = Number(tag >> 3n);
    if (number < 1 || number > LARGEST_FIELD_NUMBER) throw malformed(`field number ${number}`);
    switch (Number(tag & 7n)) {
      case 0:
        yield { number, wireType: 0, value: readVarint(cursor) };
        break;
      case 1:
        yield { number, wireType: 1, bytes: take(cursor, 8n) };
        break;
      case 2:
        yield { number, wireType: 2, bytes: take(cursor, readVarint(cursor)) };
        break;
      case 5:
        yield { number, wireType: 5, bytes: take(cursor, 4n) };
        break;
      default:
        throw malformed(`wire type ${tag & 7n} of field ${number}`);
    }
  }
}

/** @throws ERR_WORKLOAD_API_RESPONSE_INVALID for a field of another wire type */
export function bytesOf(field: ProtobufField): Uint8Array {
  if (field.wireType !== 2) throw malformed(`wire type ${field.wireType} of field ${field.number}, wanted 2`);
  return field.bytes;
}

/** @throws ERR_WORKLOAD_API_RESPONSE_INVALID also for what is not UTF-8 */
export function stringOf(field: ProtobufField): string {
  const text = decodeUtf8(bytesOf(field));
  if (text === undefined) throw malformed(`field ${field.number} is not UTF-8`);
  return text;
}

/** A `map<string, bytes>`'s entry: key is field 1, value is field 2, and either may be left out (protobuf encoding, "Maps"). */
export function mapEntryOf(field: ProtobufField): readonly [string, Uint8Array] {
  let key = "";
  let value: Uint8Array = new Uint8Array();
  for (const part of readFields(bytesOf(field))) {
    if (part.number === 1) key = stringOf(part);
    if (part.number === 2) value = bytesOf(part);
  }
  return [key, value];
}

export function malformed(what: string) {
  return spiffeError("ERR_WORKLOAD_API_RESPONSE_INVALID", `malformed protobuf message: ${what}`);
}

interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
}

function readVarint(cursor: Cursor): bigint {
  let value = 0n;
  for (let index = 0; index < LONGEST_VARINT; index++) {
    const byte = cursor.bytes[cursor.at++];
    if (byte === undefined) throw malformed("it ends inside a number");
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) {
      if (value >= 1n << 64n) break;
      return value;
    }
  }
  throw malformed("a number has more than 64 bits");
}

function take(cursor: Cursor, length: bigint): Uint8Array {
  const left = cursor.bytes.length - cursor.at;
  if (length > BigInt(left)) throw malformed(`a field of ${length} bytes where ${left} are left`);
  const start = cursor.at;
  cursor.at += Number(length);
  return cursor.bytes.subarray(start, cursor.at);
}
