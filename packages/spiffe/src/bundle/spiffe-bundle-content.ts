import type { JwkSet } from "../jwt/index.ts";
import type { Certificate } from "../x509/index.ts";

/** What a bundle document says, without the trust domain, which it does not name (Trust Domain and Bundle §4). */
export interface SpiffeBundleContent {
  readonly x509Authorities: readonly Certificate[];
  readonly jwtAuthorities: JwkSet;
  /** Grows with every change of the content; a whole number up to 2^53-1. */
  readonly sequence?: number;
  /** How often to look for a newer one, in seconds. */
  readonly refreshHintSeconds?: number;
}
