/** JSON-like value as YAML in kubectl's style: keys sorted, lists not indented, quotes only where the text needs them. */
export function emitYaml(value: unknown): string {
  return isCollection(value) && !isEmpty(value) ? emitBlock(value, 0) : `${emitScalar(value)}\n`;
}

function emitBlock(value: object, depth: number): string {
  const indent = "  ".repeat(depth);
  if (Array.isArray(value)) return value.map((item) => `${indent}- ${emitItem(item, depth)}`).join("");
  return Object.entries(value)
    .filter(([, child]) => child !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, child]) => `${indent}${emitScalar(key)}:${emitValue(child, depth)}`)
    .join("");
}

/** Behind `- `: the first line of a nested block stands on the line of the dash. */
function emitItem(item: unknown, depth: number): string {
  if (!isCollection(item) || isEmpty(item)) return emitText(item, depth + 1);
  return emitBlock(item, depth + 1).slice(2 * (depth + 1));
}

function emitValue(value: unknown, depth: number): string {
  if (!isCollection(value) || isEmpty(value)) return ` ${emitText(value, depth + 1)}`;
  return `\n${emitBlock(value, Array.isArray(value) ? depth : depth + 1)}`;
}

function emitText(value: unknown, depth: number): string {
  if (typeof value !== "string" || !isBlockText(value)) return `${emitScalar(value)}\n`;
  const body = value.endsWith("\n") ? value.slice(0, -1) : value;
  const lines = body.split("\n").map((line) => (line === "" ? "" : `${"  ".repeat(depth)}${line}`));
  return `|${value.endsWith("\n") ? "" : "-"}\n${lines.join("\n")}\n`;
}

function emitScalar(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "string") return needsQuotes(value) ? quoted(value) : value;
  if (isCollection(value)) return Array.isArray(value) ? "[]" : "{}";
  return String(value);
}

/** JSON's text is YAML's as well, but for characters that YAML calls unprintable, or takes for the end of a line. */
function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Several lines that read back unchanged from a literal block. */
function isBlockText(text: string): boolean {
  return (
    text.includes("\n") &&
    !/^[\s]|[^\S\n]\n|\n\n$|[^\S\n]$|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\ufeff]/.test(text)
  );
}

/** Anything that YAML 1.1 or 1.2 would read as another type or as syntax. */
function needsQuotes(text: string): boolean {
  if (!/^[A-Za-z0-9_/.$(][A-Za-z0-9_/.$()@+%^=,;<>~ :#-]*$/.test(text)) return true;
  if (/: |:$| #| $/.test(text)) return true;
  if (/^(true|false|yes|no|on|off|y|n|null|nan|inf)$/i.test(text)) return true;
  return /^[.+-]?[0-9]/.test(text) || /^\.(inf|nan)/i.test(text);
}

function isCollection(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function isEmpty(value: object): boolean {
  return Object.values(value).every((child) => child === undefined) && (!Array.isArray(value) || value.length === 0);
}
