import { spiffeError } from "../core/index.ts";
import type { TrustDomain } from "../id/index.ts";
import { isForSignatures, type Jwk, type JwkSet, readJwk, readJwkSetDocument } from "../jwt/index.ts";
import { standardJwk } from "./public-jwk.ts";

/** The keys that JWT-SVIDs of one trust domain are verified with (JWT-SVID §6). Immutable; an empty one is legal. */
export class JwtBundle {
  readonly trustDomain: TrustDomain;
  readonly jwtAuthorities: JwkSet;
  /**
   * The keys as workloads get them: a standard JWK Set, JSON text (Workload API §6.2.2), without `use` and `spiffe_*`,
   * which tools for OpenID Connect do not know (S7). The same keys in the same order have the same text.
   */
  readonly json: string;

  private constructor(trustDomain: TrustDomain, keys: readonly Jwk[]) {
    this.trustDomain = trustDomain;
    this.jwtAuthorities = Object.freeze({ keys: Object.freeze([...keys]) });
    this.json = JSON.stringify({ keys: keys.map(standardJwk) });
  }

  /**
   * Reads what the Workload API sends. `use` may be missing; a key that says it is for something else than JWT-SVIDs is
   * left out (S7), and so is one of a type or curve that is not known.
   * @param json a JWK Set of at most 1 Mi characters
   * @throws ERR_JWT_KEY_SET_INVALID for text that is no JWK Set, a private, symmetric or malformed key, one without `kid`
   *   (Trust Domain and Bundle §4.2.3), and two with the same
   */
  static fromJwkSet(trustDomain: TrustDomain, json: string): JwtBundle {
    const keys: Jwk[] = [];
    for (const [index, member] of readJwkSetDocument(json).members.entries()) {
      if (member.use !== undefined && member.use !== "jwt-svid") continue;
      if (isForSignatures(member)) keys.push(readJwk(member, index));
    }
    return JwtBundle.fromKeys(trustDomain, keys);
  }

  /** @throws ERR_JWT_KEY_SET_INVALID for a key without `kid`, and for two with the same */
  static fromKeys(trustDomain: TrustDomain, keys: readonly Jwk[]): JwtBundle {
    const kids = new Set<string>();
    for (const { kid } of keys) {
      if (!kid) throw invalid(trustDomain, 'a key has no "kid"');
      if (kids.has(kid)) throw invalid(trustDomain, `more than one key has the "kid" "${kid.slice(0, 80)}"`);
      kids.add(kid);
    }
    return new JwtBundle(trustDomain, keys);
  }

  equals(other: JwtBundle): boolean {
    return this.trustDomain.name === other.trustDomain.name && this.json === other.json;
  }
}

function invalid({ name }: TrustDomain, what: string) {
  return spiffeError("ERR_JWT_KEY_SET_INVALID", `JWT bundle of "${name}": ${what}`);
}
