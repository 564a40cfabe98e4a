import { spiffeError } from "../core/index.ts";
import {
  checkPath,
  checkSegment,
  isTrustDomainCharacter,
  MAX_SPIFFE_ID_LENGTH,
  MAX_TRUST_DOMAIN_LENGTH,
} from "./path.ts";

const SCHEME = "spiffe://";

/** The private constructors, for this file alone: nothing outside can hold a value that was not parsed. */
let newTrustDomain: (name: string) => TrustDomain;
let newSpiffeId: (trustDomain: TrustDomain, path: string) => SpiffeId;

export interface SpiffeIdParseOptions {
  /**
   * Lower-cases scheme and trust domain first (SPIFFE-ID §2.4). For what a person typed; never for certificates,
   * bundles and other wire data, where upper case is refused as §2.1 asks.
   */
  readonly normalize?: boolean;
}

/** SPIFFE-ID §2.1. Holding one is the proof that it was parsed. */
export class TrustDomain {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static {
    newTrustDomain = (name) => new TrustDomain(name);
  }

  /**
   * Reads a bare name, or the trust domain of a whole SPIFFE ID when `text` has ":/" in it (as go-spiffe does).
   * @throws ERR_SPIFFE_ID_TRUST_DOMAIN_MISSING, _TRUST_DOMAIN_CHARACTER, _TOO_LONG, and those of `SpiffeId.parse`
   */
  static parse(text: string, options: SpiffeIdParseOptions = {}): TrustDomain {
    if (text.includes(":/")) return SpiffeId.parse(text, options).trustDomain;
    const name = options.normalize ? lowerCaseAscii(text) : text;
    if (name === "") throw trustDomainMissing(text);
    for (let at = 0; at < name.length; at++) {
      if (!isTrustDomainCharacter(name.charCodeAt(at))) throw trustDomainCharacter(text);
    }
    if (name.length > MAX_TRUST_DOMAIN_LENGTH) throw tooLong(name.length);
    return new TrustDomain(name);
  }

  /** The trust domain's own ID, `spiffe://name`, without a path. */
  id(): SpiffeId {
    return newSpiffeId(this, "");
  }

  equals(other: TrustDomain): boolean {
    return this.name === other.name;
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }
}

/** SPIFFE-ID §2. Holding one is the proof that it was parsed; comparison is byte equality. */
export class SpiffeId {
  readonly trustDomain: TrustDomain;
  /** Empty for a trust domain's own ID, else begins with a slash. */
  readonly path: string;
  readonly #text: string;

  private constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    this.#text = SCHEME + trustDomain.name + path;
  }

  static {
    newSpiffeId = (trustDomain, path) => new SpiffeId(trustDomain, path);
  }

  /**
   * Order of checks and texts are go-spiffe's (spiffe.md §1.2); lengths (SPIFFE-ID §2.3) come last.
   * @throws ERR_SPIFFE_ID_*
   */
  static parse(text: string, options: SpiffeIdParseOptions = {}): SpiffeId {
    const id = options.normalize ? normalized(text) : text;
    if (id === "") throw spiffeError("ERR_SPIFFE_ID_EMPTY", "cannot be empty");
    if (!id.startsWith(SCHEME)) {
      throw spiffeError("ERR_SPIFFE_ID_SCHEME", "scheme is missing or invalid", { details: { id: shortened(text) } });
    }
    let pathStart = SCHEME.length;
    for (; pathStart < id.length; pathStart++) {
      const code = id.charCodeAt(pathStart);
      if (code === 0x2f) break;
      if (!isTrustDomainCharacter(code)) throw trustDomainCharacter(text);
    }
    if (pathStart === SCHEME.length) throw trustDomainMissing(text);
    const path = id.slice(pathStart);
    checkPath(path);
    // Only ASCII is left here, so that the length in UTF-16 units is the length in bytes.
    if (id.length > MAX_SPIFFE_ID_LENGTH || pathStart - SCHEME.length > MAX_TRUST_DOMAIN_LENGTH)
      throw tooLong(id.length);
    return new SpiffeId(newTrustDomain(id.slice(SCHEME.length, pathStart)), path);
  }

  /**
   * `fromSegments(td, "ns", "foo", "sa", "web")` is `spiffe://td/ns/foo/sa/web`.
   * @throws ERR_SPIFFE_ID_EMPTY_SEGMENT, _DOT_SEGMENT, _PATH_CHARACTER, _TOO_LONG
   */
  static fromSegments(trustDomain: TrustDomain, ...segments: readonly string[]): SpiffeId {
    for (const segment of segments) checkSegment(segment);
    return SpiffeId.#checkedLength(trustDomain, segments.map((segment) => `/${segment}`).join(""));
  }

  /**
   * @param path empty, or absolute
   * @throws ERR_SPIFFE_ID_LEADING_SLASH and the other path codes, _TOO_LONG
   */
  static fromPath(trustDomain: TrustDomain, path: string): SpiffeId {
    checkPath(path);
    return SpiffeId.#checkedLength(trustDomain, path);
  }

  static #checkedLength(trustDomain: TrustDomain, path: string): SpiffeId {
    const length = SCHEME.length + trustDomain.name.length + path.length;
    if (length > MAX_SPIFFE_ID_LENGTH) throw tooLong(length);
    return new SpiffeId(trustDomain, path);
  }

  get pathSegments(): readonly string[] {
    return this.path === "" ? [] : this.path.slice(1).split("/");
  }

  memberOf(trustDomain: TrustDomain): boolean {
    return this.trustDomain.equals(trustDomain);
  }

  equals(other: SpiffeId): boolean {
    return this.#text === other.toString();
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.#text;
  }
}

function normalized(text: string): string {
  const authority = /^[Ss][Pp][Ii][Ff][Ff][Ee]:\/\/[^/]*/.exec(text)?.[0];
  return authority === undefined ? text : lowerCaseAscii(authority) + text.slice(authority.length);
}

/** `toLowerCase` also maps letters such as U+212A (Kelvin) into ASCII, which would let them through. */
function lowerCaseAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function shortened(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text;
}

function trustDomainMissing(id: string) {
  return spiffeError("ERR_SPIFFE_ID_TRUST_DOMAIN_MISSING", "trust domain is missing", {
    details: { id: shortened(id) },
  });
}

function trustDomainCharacter(id: string) {
  const message = "trust domain characters are limited to lowercase letters, numbers, dots, dashes, and underscores";
  return spiffeError("ERR_SPIFFE_ID_TRUST_DOMAIN_CHARACTER", message, { details: { id: shortened(id) } });
}

function tooLong(length: number) {
  return spiffeError("ERR_SPIFFE_ID_TOO_LONG", "SPIFFE ID is too long", { details: { length } });
}
