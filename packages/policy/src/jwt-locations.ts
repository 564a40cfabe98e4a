import type { RequestAttributes } from "./attributes.ts";
import { queryParameters } from "./query-parameters.ts";
import type { JwtHeader, JwtRule } from "./request-authentication.ts";

/** Where a token was found. Header names are in lower case. */
export interface TokenPlace {
  readonly kind: "header" | "parameter" | "cookie";
  readonly name: string;
}

export interface FoundToken {
  readonly place: TokenPlace;
  /** As it stands there, perhaps empty: not yet known to be a token. */
  readonly text: string;
  /** Another parameter or cookie of the same name stands before it: Envoy does not see it, the application may (ADR 13). */
  readonly isRepeated?: true;
}

/** The places that one rule looks at, each once, in the order in which they are searched. */
export interface JwtLocations {
  readonly headers: readonly JwtHeader[];
  readonly parameters: readonly string[];
  readonly cookies: readonly string[];
}

/**
 * The places of a rule; the default ones only when it names none at all (istio-security §2.4). Sorted as Envoy's tables
 * are: which of several tokens becomes the principal depends on it.
 * @param unreadable headers that are removed from each request before tokens are looked for, in lower case
 */
export function compileJwtLocations(
  rule: Pick<JwtRule, "fromHeaders" | "fromParams" | "fromCookies">,
  unreadable: ReadonlySet<string> = new Set(),
): JwtLocations {
  const isDefault = rule.fromHeaders.length === 0 && rule.fromParams.length === 0 && rule.fromCookies.length === 0;
  const headers = (isDefault ? DEFAULT_HEADERS : rule.fromHeaders)
    .map(({ name, prefix }) => ({ name: name.toLowerCase(), prefix }))
    .filter(({ name }) => !unreadable.has(name));
  const byPlace = new Map(headers.map((header) => [header.name + header.prefix, header]));
  return {
    headers: sorted([...byPlace.keys()]).flatMap((key) => byPlace.get(key) ?? []),
    parameters: sorted(isDefault ? DEFAULT_PARAMETERS : rule.fromParams),
    cookies: sorted(rule.fromCookies),
  };
}

/** Where the first token would be; a rule has at least one place. */
export function firstPlace({ headers, parameters, cookies }: JwtLocations): TokenPlace {
  const [header] = headers;
  if (header) return { kind: "header", name: header.name };
  const [parameter] = parameters;
  return parameter === undefined ? { kind: "cookie", name: cookies[0] ?? "" } : { kind: "parameter", name: parameter };
}

/** Every token at the places of a rule, headers first, then parameters, then cookies. */
export function findTokens(
  locations: JwtLocations,
  request: Pick<RequestAttributes, "path" | "headers">,
): FoundToken[] {
  const found: FoundToken[] = [];
  for (const header of locations.headers) {
    const place = { kind: "header", name: header.name } as const;
    for (const value of headerValues(request, header.name)) {
      const text = tokenInHeader(value, header.prefix);
      if (text !== undefined) found.push({ place, text });
    }
  }
  for (const name of locations.parameters) {
    addAll(found, { kind: "parameter", name }, queryParameters(request.path, name));
  }
  for (const name of locations.cookies) {
    addAll(found, { kind: "cookie", name }, cookieValues(request.headers.get("cookie") ?? [], name));
  }
  return found;
}

function addAll(found: FoundToken[], place: TokenPlace, texts: readonly string[]): void {
  for (const [index, text] of texts.entries())
    found.push(index === 0 ? { place, text } : { place, text, isRepeated: true });
}

const DEFAULT_HEADERS: readonly JwtHeader[] = [{ name: "authorization", prefix: "Bearer " }];
const DEFAULT_PARAMETERS: readonly string[] = ["access_token"];

/** One value a line, except that Envoy joins the lines of `authorization`, so that two of them are never two tokens. */
function headerValues(request: Pick<RequestAttributes, "headers">, name: string): readonly string[] {
  const values = request.headers.get(name) ?? [];
  return name === "authorization" && values.length > 1 ? [values.join(",")] : values;
}

/**
 * The prefix may stand anywhere in the value; without it the header has no token. What follows is the token, less what
 * precedes its first possible character: to the end, so that text behind a token spoils it (measured on Envoy 1.40).
 */
function tokenInHeader(value: string, prefix: string): string | undefined {
  if (prefix === "") return value;
  const at = value.indexOf(prefix);
  if (at < 0) return undefined;
  const rest = value.slice(at + prefix.length);
  const start = rest.search(/[A-Za-z0-9_.-]/);
  return start < 0 ? value : rest.slice(start);
}

/** Cookies of that name, without the quotes around a value (RFC 6265 §4.1.1). */
function cookieValues(lines: readonly string[], name: string): readonly string[] {
  return lines.flatMap((line) =>
    line.split(";").flatMap((cookie) => {
      const equals = cookie.indexOf("=");
      if (equals < 0 || cookie.slice(0, equals).replace(/^[ \t]+|[ \t]+$/g, "") !== name) return [];
      const value = cookie.slice(equals + 1);
      return [/^".*"$/s.test(value) ? value.slice(1, -1) : value];
    }),
  );
}

/** By code units, without repetitions. */
function sorted(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}
