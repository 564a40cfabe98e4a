import type { PathNormalization } from "@symbolon/policy";

/** istio-security §3.13, character by character, for a path without query and fragment. Undefined: refused. */
export function slowNormalize(path: string, mode: PathNormalization): string | undefined {
  const key = `${mode} ${path}`;
  if (!NORMALIZED.has(key)) NORMALIZED.set(key, normalize(path, mode));
  return NORMALIZED.get(key);
}

function normalize(path: string, mode: PathNormalization): string | undefined {
  for (const character of path) if (character <= " " || character > "~") return undefined;
  if (mode === "none" || path[0] !== "/") return path;
  if (path.toLowerCase().includes("%00")) return undefined;
  const decodes = mode === "decode-and-merge-slashes";
  let output = "";
  for (let index = 0; index < path.length; index++) {
    const escaped = path.slice(index, index + 3);
    const character = path[index] ?? "";
    if (/^%[0-9a-fA-F]{2}$/.test(escaped)) {
      const decoded = String.fromCharCode(Number(`0x${escaped.slice(1)}`));
      if (/[A-Za-z0-9._~-]/.test(decoded)) output += decoded;
      else output += decodes && (decoded === "/" || decoded === "\\") ? "/" : escaped;
      index += 2;
    } else if (/["<>^`{|}]/.test(character)) output += encodeURIComponent(character);
    else output += character === "\\" ? "/" : character;
  }
  output = withoutDots(output);
  // Envoy keeps the first and the last slash of a path of nothing else.
  if (mode !== "base" && /^\/\/+$/.test(output)) return "//";
  if (mode !== "base") while (output.includes("//")) output = output.replace("//", "/");
  return output;
}

/** Removes the first dot segment until there is none. */
function withoutDots(path: string): string {
  for (;;) {
    const found = /\/(\.\.?)(\/|$)/.exec(path);
    if (!found) return path;
    const before = path.slice(0, found.index);
    const after = path.slice(found.index + found[0].length);
    const kept = found[1] === "." ? before : before.slice(0, Math.max(0, before.lastIndexOf("/")));
    path = `${kept}/${after}`;
  }
}

/** A few dozen paths come again and again. */
const NORMALIZED = new Map<string, string | undefined>();
