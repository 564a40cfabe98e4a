import { suggestion } from "./did-you-mean.ts";
import { type DocumentNode, describeNode, quoteValue } from "./document-node.ts";
import type { FindingCode } from "./finding-codes.ts";
import { type Check, type ReadContext, reportAt } from "./read-context.ts";

export interface StringOptions {
  readonly check?: Check<string>;
  /** Code of a failed check; SYM0104 when absent. */
  readonly code?: FindingCode;
}

export interface IntegerOptions {
  readonly min?: number;
  readonly max?: number;
  /** Replaces "must be in range …" where a standard has its own words. */
  readonly rangeMessage?: string;
  readonly code?: FindingCode;
}

/** Each `read*` answers the value, or reports a finding and answers `undefined`; none ever converts between types. */
export function readString(node: DocumentNode, context: ReadContext, options: StringOptions = {}): string | undefined {
  if (refuseAmbiguous(node, context)) return undefined;
  if (node.kind !== "string") return wrongType(node, context, "a string");
  const broken = options.check?.(node.value);
  if (broken === undefined) return node.value;
  reportAt(context, options.code ?? "SYM0104", node, `invalid value ${quoteValue(node.value)}: ${broken}`);
  return undefined;
}

export function readInteger(
  node: DocumentNode,
  context: ReadContext,
  options: IntegerOptions = {},
): number | undefined {
  if (refuseAmbiguous(node, context)) return undefined;
  if (node.kind !== "number") return wrongType(node, context, "an integer");
  // "1.0" and "1e3" are integers to JSON but floats to a Go int field, which refuses them.
  if (!/^[-+]?(\d+|0x[0-9a-fA-F]+)$/.test(node.raw)) return wrongType(node, context, "an integer");
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  if (node.value >= min && node.value <= max) return node.value;
  reportAt(
    context,
    options.code ?? "SYM0106",
    node,
    options.rangeMessage ?? `${node.raw} is out of range: must be in ${min}..${max}`,
  );
  return undefined;
}

export function readBoolean(node: DocumentNode, context: ReadContext): boolean | undefined {
  if (refuseAmbiguous(node, context)) return undefined;
  return node.kind === "boolean" ? node.value : wrongType(node, context, "true or false");
}

/** `accepted` maps the words of the wire to the values of the domain: `{ STRICT: "strict" }`. Case matters. */
export function readEnumeration<T>(
  node: DocumentNode,
  context: ReadContext,
  accepted: Readonly<Record<string, T>>,
): T | undefined {
  const words = Object.keys(accepted);
  if (refuseAmbiguous(node, context)) return undefined;
  if (node.kind !== "string") return wrongType(node, context, `one of ${words.join(", ")}`);
  if (Object.hasOwn(accepted, node.value)) return accepted[node.value];
  const hint = suggestion(node.value, words);
  reportAt(
    context,
    "SYM0105",
    node,
    `unknown value ${quoteValue(node.value)}: must be one of ${words.join(", ")}${hint}`,
  );
  return undefined;
}

/** Kubernetes' IntOrString (`targetPort`, `maxSurge`): the kind of the answer is the kind that was written. */
export function readIntegerOrString(
  node: DocumentNode,
  context: ReadContext,
  options: { readonly integer?: IntegerOptions; readonly string?: StringOptions } = {},
): number | string | undefined {
  if (node.kind === "number") return readInteger(node, context, options.integer);
  if (node.kind === "string") return readString(node, context, options.string);
  return wrongType(node, context, "an integer or a string");
}

export function wrongType(node: DocumentNode, context: ReadContext, wanted: string): undefined {
  const unquoted = wanted === "a string" && (node.kind === "number" || node.kind === "boolean");
  const hint = unquoted ? `; write "${node.raw}" in quotes` : "";
  reportAt(context, "SYM0102", node, `must be ${wanted}, got ${describeNode(node)}${hint}`);
  return undefined;
}

function refuseAmbiguous(node: DocumentNode, context: ReadContext): boolean {
  if ((node.kind !== "string" && node.kind !== "number") || node.ambiguity === undefined) return false;
  reportAt(context, "SYM0008", node, node.ambiguity);
  return true;
}
