import { decodeBase64, encodeBase64, spiffeError } from "../core/index.ts";

/** RFC 7468. */
export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

export interface PemOptions {
  /** Labels that may occur; a block with another one is refused. All, if absent. */
  readonly labels?: readonly string[];
  /** Exactly one block, and nothing but white space around it. */
  readonly single?: boolean;
  /** Refuses text outside the blocks; files that people keep often carry comments there (RFC 7468 §2). */
  readonly refuseSurroundingText?: boolean;
}

/** About a thousand certificates. */
const MAX_PEM_CHARACTERS = 4 * 1024 * 1024;
const BEGIN = "-----BEGIN ";
const END = "-----END ";
const DASHES = "-----";

/**
 * Blocks in order. Encapsulated headers (RFC 1421, "Proc-Type") and characters outside the base64 alphabet are refused.
 * @throws ERR_PEM_MALFORMED, _NO_BLOCK, _SEVERAL_BLOCKS, _SURROUNDING_TEXT, _UNEXPECTED_LABEL, _TOO_LARGE
 */
export function parsePem(input: string | Uint8Array, options: PemOptions = {}): readonly PemBlock[] {
  if (input.length > MAX_PEM_CHARACTERS) {
    throw spiffeError("ERR_PEM_TOO_LARGE", `PEM text has ${input.length} characters, more than ${MAX_PEM_CHARACTERS}`);
  }
  const text = typeof input === "string" ? input : new TextDecoder().decode(input);
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly lines: string[] } | undefined;
  for (const rawLine of text.split("\n")) {
    const line = rawLine.trim();
    if (open) {
      if (line.startsWith(END)) {
        blocks.push(closeBlock(open, line));
        open = undefined;
      } else {
        open.lines.push(line);
      }
    } else if (line.startsWith(BEGIN)) {
      open = { label: labelOf(line, BEGIN, options), lines: [] };
      if (options.single && blocks.length > 0) throw severalBlocks();
    } else if (line !== "" && (options.single || options.refuseSurroundingText)) {
      throw spiffeError("ERR_PEM_SURROUNDING_TEXT", "text outside the PEM block");
    }
  }
  if (open) throw pemMalformed(`block "${open.label}" has no end`);
  if (blocks.length === 0) throw spiffeError("ERR_PEM_NO_BLOCK", "no PEM block found");
  return blocks;
}

/** The one block of `label` that `input` holds. @throws as `parsePem` */
export function parseSinglePem(input: string | Uint8Array, label: string): Uint8Array {
  const [block] = parsePem(input, { labels: [label], single: true });
  if (block === undefined) throw spiffeError("ERR_PEM_NO_BLOCK", "no PEM block found");
  return block.der;
}

/** RFC 7468 §2: lines of 64 characters, ending in a line feed. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines = encodeBase64(der).match(/.{1,64}/g) ?? [];
  return `${[`${BEGIN}${label}${DASHES}`, ...lines, `${END}${label}${DASHES}`].join("\n")}\n`;
}

function labelOf(line: string, prefix: string, options: PemOptions): string {
  const label = line.slice(prefix.length, -DASHES.length);
  if (!line.endsWith(DASHES) || !/^[A-Z0-9][A-Z0-9 ]{0,63}$/.test(label)) throw pemMalformed("boundary line");
  if (options.labels && !options.labels.includes(label)) {
    const wanted = options.labels.join(" or ");
    throw spiffeError("ERR_PEM_UNEXPECTED_LABEL", `PEM block is "${label}", wanted ${wanted}`, { details: { label } });
  }
  return label;
}

function closeBlock(open: { readonly label: string; readonly lines: readonly string[] }, endLine: string): PemBlock {
  if (endLine !== `${END}${open.label}${DASHES}`) throw pemMalformed(`block "${open.label}" ends under another label`);
  const der = decodeBase64(open.lines.join(""));
  if (der === undefined || der.length === 0) throw pemMalformed(`block "${open.label}" is not base64`);
  return { label: open.label, der };
}

function severalBlocks() {
  return spiffeError("ERR_PEM_SEVERAL_BLOCKS", "more than one PEM block");
}

function pemMalformed(what: string) {
  return spiffeError("ERR_PEM_MALFORMED", `malformed PEM: ${what}`);
}
