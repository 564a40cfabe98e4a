import type { JsonObject, JsonValue } from "../core/index.ts";
import { bytesOf, malformed, type ProtobufField, readFields, stringOf } from "./protobuf-reader.ts";

/** Levels of objects and lists; claims have two or three. */
const MAX_DEPTH = 32;

/**
 * `google.protobuf.Struct` as the JSON object that it stands for. A key given twice keeps its last value, as in any
 * protobuf map.
 * @throws ERR_WORKLOAD_API_RESPONSE_INVALID
 */
export function decodeStruct(message: Uint8Array, depth = 0): JsonObject {
  if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
  const object: Record<string, JsonValue> = Object.create(null);
  for (const field of readFields(message)) {
    if (field.number !== 1) continue;
    let key = "";
    let value: JsonValue | undefined;
    for (const part of readFields(bytesOf(field))) {
      if (part.number === 1) key = stringOf(part);
      if (part.number === 2) value = decodeValue(bytesOf(part), depth + 1);
    }
    if (value === undefined) throw malformed(`claim "${key.slice(0, 80)}" has no value`);
    object[key] = value;
  }
  return object;
}

/** `google.protobuf.Value`: the last of its kinds counts, as in any oneof. */
function decodeValue(message: Uint8Array, depth: number): JsonValue {
  let kind: { readonly json: JsonValue } | undefined;
  for (const field of readFields(message)) kind = kindOf(field, depth) ?? kind;
  if (!kind) throw malformed("a value without a kind");
  return kind.json;
}

function kindOf(field: ProtobufField, depth: number): { readonly json: JsonValue } | undefined {
  switch (field.number) {
    case 1:
      return { json: null };
    case 2:
      return { json: doubleOf(field) };
    case 3:
      return { json: stringOf(field) };
    case 4:
      if (field.wireType !== 0) throw malformed("a boolean that is none");
      return { json: field.value !== 0n };
    case 5:
      return { json: decodeStruct(bytesOf(field), depth) };
    case 6:
      return { json: decodeList(bytesOf(field), depth) };
    default:
      return undefined;
  }
}

function decodeList(message: Uint8Array, depth: number): JsonValue[] {
  if (depth > MAX_DEPTH) throw malformed(`more than ${MAX_DEPTH} levels`);
  return [...readFields(message)]
    .filter(({ number }) => number === 1)
    .map((field) => decodeValue(bytesOf(field), depth + 1));
}

function doubleOf(field: ProtobufField): number {
  if (field.wireType !== 1) throw malformed("a number that is none");
  const { buffer, byteOffset } = field.bytes;
  const value = new DataView(buffer, byteOffset, 8).getFloat64(0, true);
  // JSON has neither, and a claim that never expires must not come from one.
  if (!Number.isFinite(value)) throw malformed("a number that is not finite");
  return value;
}
