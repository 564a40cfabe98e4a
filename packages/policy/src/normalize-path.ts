/** `meshConfig.pathNormalization.normalization`; Istio's DEFAULT is BASE. */
export type PathNormalization = "none" | "base" | "merge-slashes" | "decode-and-merge-slashes";

/**
 * The request target as the proxy forwards it and as policies see it (istio-security §3.13), query kept, fragment cut.
 * Undefined: no server may be given such a path (white space, control characters, bytes that are not ASCII, and, where paths
 * are normalised, an escaped NUL); the answer is 400.
 */
export function normalizePath(target: string, mode: PathNormalization): string | undefined {
  const end = endOfNormalPath(target);
  if (end === target.length || (end >= 0 && !target.includes("#", end))) return target;
  const fragment = target.indexOf("#");
  const whole = fragment < 0 ? target : target.slice(0, fragment);
  const path = withoutQuery(whole);
  const normalized = normalizeWithoutQuery(path, mode);
  return normalized === undefined || path.length === whole.length ? normalized : normalized + whole.slice(path.length);
}

/** The same without query, as `paths` compares it. */
export function normalizedPathOnly(target: string, mode: PathNormalization): string | undefined {
  const end = endOfNormalPath(target);
  if (end >= 0) return end === target.length ? target : target.slice(0, end);
  return normalizeWithoutQuery(withoutQuery(target), mode);
}

function withoutQuery(target: string): string {
  const end = target.search(QUERY_OR_FRAGMENT);
  return end < 0 ? target : target.slice(0, end);
}

function normalizeWithoutQuery(path: string, mode: PathNormalization): string | undefined {
  if (FORBIDDEN.test(path)) return undefined;
  // "*" of OPTIONS and the authority of CONNECT are no paths.
  if (mode === "none" || !path.startsWith("/")) return path;
  if (path.includes("%00")) return undefined;
  const decoded = mode === "decode-and-merge-slashes" ? path.replace(ESCAPED_SLASHES, "/") : path;
  const plain = decoded.replaceAll("\\", "/").replace(ESCAPE, decodeUnreserved).replace(UNSAFE, escapeCharacter);
  const resolved = resolveDots(plain);
  return mode === "base" ? resolved : mergeSlashes(resolved);
}

/**
 * Where the query or the fragment of a path begins that no mode changes, as nearly every path is; -1: it needs a closer
 * look. One pass over the characters, which is faster than a pattern.
 */
function endOfNormalPath(target: string): number {
  let previous = 0;
  for (let index = 0; index < target.length; index++) {
    const code = target.charCodeAt(index);
    if (code < FIRST_LETTER) {
      if (code === SLASH || code === DOT) {
        if (previous === SLASH) return -1;
      } else if (code === QUESTION_MARK || code === NUMBER_SIGN) return index;
      else if (CHANGED[code] === 1) return -1;
    } else if (code > LAST_LETTER && code !== TILDE) return -1;
    previous = code;
  }
  return target.length;
}

/** "Decode %XX of unreserved characters only, leave every other escape untouched (also its letter case)." */
function decodeUnreserved(escaped: string): string {
  const character = String.fromCharCode(Number.parseInt(escaped.slice(1), 16));
  return UNRESERVED.test(character) ? character : escaped;
}

/** Measured on Envoy 1.40: what RFC 3986 allows nowhere in a path goes on as an escape. */
function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** Measured on Envoy 1.40: of a path of slashes alone two are left, its first and its last. */
function mergeSlashes(path: string): string {
  const merged = path.replace(RUNS_OF_SLASHES, "/");
  return merged === "/" && path.length > 1 ? "//" : merged;
}

/** RFC 3986 §5.2.4, where "an empty segment counts as a segment for `..`". */
function resolveDots(path: string): string {
  const kept: string[] = [];
  const segments = path.slice(1).split("/");
  for (const [index, segment] of segments.entries()) {
    if (segment === "..") kept.pop();
    else if (segment !== ".") kept.push(segment);
    // A dot segment at the end leaves the slash before it.
    if (index === segments.length - 1 && (segment === ".." || segment === ".")) kept.push("");
  }
  return `/${kept.join("/")}`;
}

const ESCAPED_SLASHES = /%2f|%5c/gi;
const ESCAPE = /%[0-9a-f]{2}/gi;
const UNRESERVED = /^[A-Za-z0-9\-._~]$/;
const FORBIDDEN = /[^!-~]/;
const UNSAFE = /["<>^`{|}]/g;
const RUNS_OF_SLASHES = /\/{2,}/g;
const QUERY_OR_FRAGMENT = /[?#]/;
const SLASH = 0x2f;
const DOT = 0x2e;
const QUESTION_MARK = 0x3f;
const NUMBER_SIGN = 0x23;
const TILDE = 0x7e;
/** Lower-case letters, which are most of all characters. */
const FIRST_LETTER = 0x61;
const LAST_LETTER = 0x7a;
/** Characters below the letters that some mode changes or refuses wherever they are. */
const CHANGED = new Uint8Array(FIRST_LETTER).fill(1, 0, 0x21);
for (const character of '%\\"<>^`') CHANGED[character.charCodeAt(0)] = 1;
