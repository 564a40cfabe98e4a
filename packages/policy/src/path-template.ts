/** A value of `paths` with `{*}` or `{**}` in it (istio-security §3.14). */
export interface PathTemplate {
  /** What a matching path must begin with. */
  readonly head: string;
  matches(path: string): boolean;
}

/** "A value containing `{*}` or `{**}` is a template." */
export function isPathTemplate(value: string): boolean {
  return value.includes("{*}") || value.includes("{**}");
}

/** The value has been validated: every operator fills a whole segment, `{**}` comes last among the operators. */
export function parsePathTemplate(value: string): PathTemplate {
  const segments = value.split("/");
  const firstOperator = segments.findIndex(isOperator);
  const head = segments
    .slice(0, firstOperator)
    .map((segment) => `${segment}/`)
    .join("");
  const many = segments.indexOf("{**}");
  const before = many < 0 ? segments : segments.slice(0, many);
  const suffix =
    many < 0
      ? ""
      : segments
          .slice(many + 1)
          .map((segment) => `/${segment}`)
          .join("");
  return {
    head,
    matches: (path) => {
      const end = matchSegments(before, path);
      if (many < 0) return end === path.length;
      if (many === 0) return path.endsWith(suffix);
      // "`{**}` = zero or more characters across segments": a slash, anything, and the literal rest.
      return end >= 0 && path[end] === "/" && path.length > end + suffix.length && path.endsWith(suffix);
    },
  };
}

/** Where the segments end in the path; -1 when they do not match. */
function matchSegments(segments: readonly string[], path: string): number {
  let at = 0;
  for (const [index, segment] of segments.entries()) {
    if (index > 0 && path[at++] !== "/") return -1;
    if (segment === "{*}") {
      const start = at;
      while (at < path.length && isSegmentCharacter(path.charCodeAt(at))) at++;
      if (at === start) return -1;
    } else {
      if (!path.startsWith(segment, at)) return -1;
      at += segment.length;
    }
    // A segment ends at a slash or with the path.
    if (at < path.length && path[at] !== "/") return -1;
  }
  return at;
}

function isOperator(segment: string): boolean {
  return segment === "{*}" || segment === "{**}";
}

/** What Envoy 1.40 takes for a segment, measured (docs/reference/envoy-facts.md). */
function isSegmentCharacter(code: number): boolean {
  return SEGMENT_CHARACTER[code] === 1;
}

const SEGMENT_CHARACTER = new Uint8Array(128);
for (const character of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()+,;:@=*")
  SEGMENT_CHARACTER[character.charCodeAt(0)] = 1;
