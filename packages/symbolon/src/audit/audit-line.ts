import { hash } from "node:crypto";
import { isJsonObject, type JsonValue } from "@symbolon/spiffe/core";
import type { AuditEvent } from "../core/index.ts";

/** One event in its place: `seq` counts from 1 without a gap, `prev` is the hash of the whole line before it. */
export type AuditLine = AuditEvent & {
  readonly seq: number;
  /** RFC 3339, UTC, milliseconds. */
  readonly time: string;
  readonly prev: string;
};

/** `prev` of the first line of a log. */
export const NO_LINE = "0".repeat(64);

/** @returns the line without its newline; JSON escapes every control character, so that an event is always one line (CV-23) */
export function formatAuditLine(seq: number, time: Date, event: AuditEvent, prev: string): string {
  return JSON.stringify({ seq, time: time.toISOString(), ...event, prev });
}

/** @param line bytes without the newline @returns SHA-256, 64 lower-case hex digits */
export function hashAuditLine(line: Uint8Array | string): string {
  return hash("sha256", line, "hex");
}

/** Undefined when the bytes are no line of an audit log. */
export function parseAuditLine(line: Buffer): AuditLine | undefined {
  let value: JsonValue;
  try {
    value = JSON.parse(line.toString("utf8"));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { seq, time, prev, kind, outcome, actor } = value;
  const texts = [time, prev, kind, outcome, actor].every((field) => typeof field === "string");
  return texts && Number.isSafeInteger(seq) ? (value as unknown as AuditLine) : undefined;
}
