import type { JwtClaims, RequestAttributes } from "../attributes.ts";
import { normalizedPathOnly, normalizePath, type PathNormalization } from "../normalize-path.ts";
import { issuerAndSubject, type RequestPrincipal } from "../request-principal.ts";

const NO_VALUES: readonly string[] = [];
const NO_REQUEST: RequestAttributes = { method: "", path: "", host: "", headers: new Map() };

/**
 * One request as rules look at it. A compiled set has one of these and fills it anew for each decision, so that deciding
 * allocates nothing; what few rules ask for is worked out when asked.
 */
export class RequestFacts {
  readonly #mode: PathNormalization;
  #request: RequestAttributes = NO_REQUEST;
  #host: string | undefined;
  #principal: RequestPrincipal | undefined;
  #principalIsKnown = false;
  method = "";
  /** Normalised, without query and fragment. */
  path = "";
  claims: JwtClaims | undefined;

  constructor(mode: PathNormalization) {
    this.#mode = mode;
  }

  /** False: no server may be given this path. */
  fill(request: RequestAttributes): boolean {
    const path = normalizedPathOnly(request.path, this.#mode);
    if (path === undefined) return false;
    this.#request = request;
    this.#host = undefined;
    this.#principal = undefined;
    this.#principalIsKnown = false;
    this.method = request.method;
    this.path = path;
    this.claims = request.claims;
    return true;
  }

  /** In lower case: hosts alone are compared without regard to case. */
  get host(): string {
    this.#host ??= this.#request.host.toLowerCase();
    return this.#host;
  }

  get principal(): RequestPrincipal | undefined {
    if (!this.#principalIsKnown) {
      this.#principal = issuerAndSubject(this.claims);
      this.#principalIsKnown = true;
    }
    return this.#principal;
  }

  /**
   * One element a header line; a name that the request has not is an empty list. Conditions may name HTTP/2's
   * pseudo-headers, and `host`, which Envoy keeps as `:authority`.
   */
  header(name: string): readonly string[] {
    switch (name) {
      case ":authority":
      case "host":
        return [this.#request.host];
      case ":method":
        return [this.method];
      case ":path":
        return [normalizePath(this.#request.path, this.#mode) ?? this.path];
      default:
        return this.#request.headers.get(name) ?? NO_VALUES;
    }
  }
}
