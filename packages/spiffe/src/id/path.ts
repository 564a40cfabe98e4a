import { spiffeError } from "../core/index.ts";

/** SPIFFE-ID §2.3: implementations must support IDs of up to 2048 bytes; longer ones are refused. */
export const MAX_SPIFFE_ID_LENGTH = 2048;
/** SPIFFE-ID §2.3. */
export const MAX_TRUST_DOMAIN_LENGTH = 255;

/** SPIFFE-ID §2.1: a-z 0-9 . - _ */
export function isTrustDomainCharacter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || isDigitDotDashUnderscore(code);
}

/** SPIFFE-ID §2.2: A-Z a-z 0-9 . - _ */
function isSegmentCharacter(code: number): boolean {
  return (code >= 0x41 && code <= 0x5a) || (code >= 0x61 && code <= 0x7a) || isDigitDotDashUnderscore(code);
}

function isDigitDotDashUnderscore(code: number): boolean {
  return (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x2e || code === 0x5f;
}

/**
 * Throws unless `path` is empty or an absolute path of SPIFFE-ID §2.2. The order of the checks and the texts are
 * go-spiffe's, so that both report the same fault of a path that has several.
 * @throws ERR_SPIFFE_ID_LEADING_SLASH, _EMPTY_SEGMENT, _DOT_SEGMENT, _PATH_CHARACTER, _TRAILING_SLASH
 */
export function checkPath(path: string): void {
  if (path === "") return;
  if (path.charCodeAt(0) !== 0x2f) {
    throw spiffeError("ERR_SPIFFE_ID_LEADING_SLASH", "path must have a leading slash", { details: { path } });
  }
  let segmentStart = 1;
  for (let at = 1; at < path.length; at++) {
    const code = path.charCodeAt(at);
    if (code === 0x2f) {
      if (at === segmentStart) throw emptySegment({ path });
      checkNoDotSegment(path.slice(segmentStart, at), { path });
      segmentStart = at + 1;
    } else if (!isSegmentCharacter(code)) {
      throw badCharacter({ path });
    }
  }
  if (segmentStart === path.length) {
    throw spiffeError("ERR_SPIFFE_ID_TRAILING_SLASH", "path cannot have a trailing slash", { details: { path } });
  }
  checkNoDotSegment(path.slice(segmentStart), { path });
}

/**
 * Throws unless `segment` is one path segment of SPIFFE-ID §2.2.
 * @throws ERR_SPIFFE_ID_EMPTY_SEGMENT, _DOT_SEGMENT, _PATH_CHARACTER
 */
export function checkSegment(segment: string): void {
  if (segment === "") throw emptySegment({ segment });
  checkNoDotSegment(segment, { segment });
  for (let at = 0; at < segment.length; at++) {
    if (!isSegmentCharacter(segment.charCodeAt(at))) throw badCharacter({ segment });
  }
}

function checkNoDotSegment(segment: string, details: Record<string, unknown>): void {
  if (segment === "." || segment === "..") {
    throw spiffeError("ERR_SPIFFE_ID_DOT_SEGMENT", "path cannot contain dot segments", { details });
  }
}

function emptySegment(details: Record<string, unknown>) {
  return spiffeError("ERR_SPIFFE_ID_EMPTY_SEGMENT", "path cannot contain empty segments", { details });
}

function badCharacter(details: Record<string, unknown>) {
  const message = "path segment characters are limited to letters, numbers, dots, dashes, and underscores";
  return spiffeError("ERR_SPIFFE_ID_PATH_CHARACTER", message, { details });
}
