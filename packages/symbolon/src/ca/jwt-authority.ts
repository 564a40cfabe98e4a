import type { SpiffeBundle } from "@symbolon/spiffe/bundle";
import type { Observable, Secret } from "@symbolon/spiffe/core";
import type { SpiffeId } from "@symbolon/spiffe/id";

/** What somebody entitled asks for; whether the caller may have this identity has been decided before. */
export interface JwtSvidOrder {
  readonly spiffeId: SpiffeId;
  /** At least one, none empty: who shall accept the token. */
  readonly audiences: readonly string[];
  /** The default, 5 minutes, if absent. */
  readonly lifetimeSeconds?: number;
}

/** On whose word, for the audit line. */
export interface JwtSvidCaller {
  /** SPIFFE ID, service account or registration entry that asked. */
  readonly name: string;
  readonly authenticator: string;
  readonly details?: Readonly<Record<string, string>>;
}

export interface IssuedJwtSvid {
  /** Compact JWS. */
  readonly token: Secret<string>;
  readonly expiresAt: Date;
}

/** The issuer of a trust domain's JWT-SVIDs. */
export interface JwtAuthority {
  /**
   * Signs a JWT-SVID (J1 to J7). It never outlives the key that signs it, so that its end may be sooner than asked for.
   * @throws ERR_JWT_SVID_REQUEST_INVALID, ERR_CA_LIFETIME_TOO_LONG
   */
  createJwtSvid(order: JwtSvidOrder, caller: JwtSvidCaller): Promise<IssuedJwtSvid>;
  /**
   * All authorities of the own trust domain, X.509 and JWT. A key is in it before any token is signed with it, and as
   * long as a token that it signed may live.
   */
  readonly bundle: Observable<SpiffeBundle>;
  close(): void;
}
