import type { ParsedNode, Scalar } from "yaml";
import type { DocumentNode, SourcePosition } from "../document/index.ts";

type ParsedScalar = Scalar.Parsed | Scalar;

/** Tags that say what the core schema says anyway; any other one would turn text into a value that nobody sees written. */
const HARMLESS_TAGS: ReadonlySet<string> = new Set([
  "tag:yaml.org,2002:str",
  "tag:yaml.org,2002:map",
  "tag:yaml.org,2002:seq",
]);

export function refusesTag(node: ParsedNode | Scalar): boolean {
  return node.tag !== undefined && !HARMLESS_TAGS.has(node.tag);
}

/** The node, or why there is none. */
export function convertScalar(scalar: ParsedScalar, position: SourcePosition): DocumentNode | string {
  const { value } = scalar;
  const raw = scalar.source ?? String(value ?? "");
  const ambiguity = isPlain(scalar) ? ambiguityOf(raw, "value") : undefined;
  const mark = ambiguity === undefined ? {} : { ambiguity };
  switch (typeof value) {
    case "string":
      return { kind: "string", position, value, raw, ...mark };
    case "boolean":
      return { kind: "boolean", position, value, raw };
    case "number":
      if (!Number.isFinite(value)) return `${raw} has no JSON form`;
      return { kind: "number", position, value, raw, ...mark };
    default:
      return value === null ? { kind: "null", position, raw } : "this kind of value has no JSON form";
  }
}

export type KeyText =
  | { readonly kind: "key"; readonly text: string }
  | { readonly kind: "refused"; readonly code: "SYM0006" | "SYM0008" | "SYM0009"; readonly message: string };

/**
 * Kubernetes turns YAML into JSON, whose keys are strings: the key 8080 becomes "8080". Only decimal integers and true
 * and false have one obvious text; everything else wants quotes.
 */
export function keyText(scalar: ParsedScalar): KeyText {
  const { value } = scalar;
  const raw = scalar.source ?? String(value ?? "");
  if (raw === "<<" && isPlain(scalar))
    return refused("SYM0006", "merge keys (<<) are not supported: write the fields out");
  const ambiguity = isPlain(scalar) ? ambiguityOf(raw, "key") : undefined;
  if (ambiguity !== undefined) return refused("SYM0008", ambiguity);
  if (typeof value === "string") return { kind: "key", text: value };
  if (typeof value === "number" && /^-?(0|[1-9]\d*)$/.test(raw)) return { kind: "key", text: raw };
  if (typeof value === "boolean") return { kind: "key", text: String(value) };
  const got = raw === "" ? "nothing" : raw;
  return refused("SYM0009", `a key must be a string, got ${got}: write it in quotes`);
}

function refused(code: "SYM0006" | "SYM0008" | "SYM0009", message: string): KeyText {
  return { kind: "refused", code, message };
}

function isPlain(scalar: ParsedScalar): boolean {
  return scalar.type === "PLAIN" && scalar.tag === undefined;
}

/** Texts that YAML 1.2 (here) and YAML 1.1 (in Kubernetes, by go-yaml v2) read as different values. */
function ambiguityOf(raw: string, what: "key" | "value"): string | undefined {
  if (/^(?:y|yes|n|no|on|off)$/i.test(raw)) {
    const instead =
      what === "key" ? `write "${raw}" in quotes` : `write "${raw}" in quotes for the string, or true or false`;
    return `${raw} without quotes is a string in YAML 1.2 but a boolean in Kubernetes: ${instead}`;
  }
  const isOtherNumber = /^[-+]?0[0-7_]+$/.test(raw) || /^[-+]?0o[0-7_]+$/.test(raw) || /^[-+]?0b[01_]+$/.test(raw);
  const isUnderscored =
    /^[-+]?(?:0x[\da-fA-F_]+|\.?\d[\d_]*(?:\.[\d_]*)?(?:[eE][-+]?\d+)?)$/.test(raw) && raw.includes("_");
  if (isOtherNumber || isUnderscored) {
    return `${raw} without quotes is one number to some YAML readers and another one, or a string, to others: quote it or write a plain decimal number`;
  }
  return undefined;
}
