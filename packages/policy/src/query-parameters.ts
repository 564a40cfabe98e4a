import { toByteText } from "./byte-text.ts";

/**
 * Values of a query parameter, percent-decoded; a `+` stays a `+`. A parameter without `=` has the empty value.
 * @param target request target in origin form, with query
 */
export function queryParameters(target: string, name: string): readonly string[] {
  const { query } = splitTarget(target);
  if (query === undefined) return NONE;
  const wanted = toByteText(name);
  return query.split("&").flatMap((piece) => {
    if (nameOf(piece) !== wanted) return [];
    const equals = piece.indexOf("=");
    return [equals < 0 ? "" : percentDecode(piece.slice(equals + 1))];
  });
}

const NONE: readonly string[] = [];

/**
 * The target without any occurrence of the parameters. All others keep their order and their spelling: decoded once
 * (as Envoy does), an escaped `&` would become a parameter of its own.
 */
export function withoutQueryParameters(target: string, names: readonly string[]): string {
  const { path, query, fragment } = splitTarget(target);
  if (query === undefined || names.length === 0) return target;
  const unwanted = new Set(names.map(toByteText));
  const pieces = query.split("&");
  const kept = pieces.filter((piece) => !unwanted.has(nameOf(piece)));
  if (kept.length === pieces.length) return target;
  return path + (kept.length > 0 ? `?${kept.join("&")}` : "") + fragment;
}

function splitTarget(target: string): { path: string; query: string | undefined; fragment: string } {
  const hash = target.indexOf("#");
  const end = hash < 0 ? target.length : hash;
  const mark = target.slice(0, end).indexOf("?");
  return {
    path: target.slice(0, mark < 0 ? end : mark),
    query: mark < 0 ? undefined : target.slice(mark + 1, end),
    fragment: target.slice(end),
  };
}

function nameOf(piece: string): string {
  const equals = piece.indexOf("=");
  return percentDecode(equals < 0 ? piece : piece.slice(0, equals));
}

/** `%` without two hexadecimal digits stands for itself. */
function percentDecode(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/%([0-9a-fA-F]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));
}
