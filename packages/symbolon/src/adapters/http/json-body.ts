import { productError } from "../../core/index.ts";

/** Manifests are text that people write; a request above this is a mistake. */
export const MAX_BODY_BYTES = 16 << 20;

export type JsonObject = Readonly<Record<string, unknown>>;

/** @throws ERR_API_REQUEST_INVALID */
export async function readJsonObject(request: Request): Promise<JsonObject> {
  const text = await request.text();
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    throw productError("ERR_API_REQUEST_INVALID", "the body of the request is not JSON", { cause });
  }
  throw productError("ERR_API_REQUEST_INVALID", "the body of the request is not a JSON object");
}

export function stringField(object: JsonObject, name: string): string {
  const value = object[name];
  if (typeof value === "string") return value;
  throw productError("ERR_API_REQUEST_INVALID", `field "${name}" is not a string`);
}

export function booleanField(object: JsonObject, name: string): boolean {
  const value = object[name];
  if (typeof value === "boolean") return value;
  throw productError("ERR_API_REQUEST_INVALID", `field "${name}" is neither true nor false`);
}

export function objectList(object: JsonObject, name: string): readonly JsonObject[] {
  const value = object[name];
  if (Array.isArray(value) && value.every(isObject)) return value;
  throw productError("ERR_API_REQUEST_INVALID", `field "${name}" is not a list of objects`);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
