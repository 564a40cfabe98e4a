import type { TrustDomain } from "../id/index.ts";
import { type JwkSet, parseJwkSet } from "../jwt/index.ts";

/** The keys that JWT-SVIDs of one trust domain are verified with (JWT-SVID §6). Immutable. */
export class JwtBundle {
  readonly trustDomain: TrustDomain;
  readonly jwtAuthorities: JwkSet;
  /** The key set as it is sent to workloads: a standard JWK Set, JSON text (Workload API §6.2.2). */
  readonly json: string;

  private constructor(trustDomain: TrustDomain, jwtAuthorities: JwkSet, json: string) {
    this.trustDomain = trustDomain;
    this.jwtAuthorities = jwtAuthorities;
    this.json = json;
  }

  /** @throws ERR_JWT_KEY_SET_INVALID */
  static fromJwkSet(trustDomain: TrustDomain, json: string): JwtBundle {
    return new JwtBundle(trustDomain, parseJwkSet(json), json);
  }

  equals(other: JwtBundle): boolean {
    return this.trustDomain.name === other.trustDomain.name && this.json === other.json;
  }
}
