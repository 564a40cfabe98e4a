import { encodeBase64 } from "../core/index.ts";
import { keyMembers, standardJwk } from "./public-jwk.ts";
import type { SpiffeBundleContent } from "./spiffe-bundle-content.ts";

/**
 * The JSON text of a bundle document (Trust Domain and Bundle §4): each X.509 authority is one JWK with its certificate
 * and without `kid`, each JWT authority one with `kid`.
 */
export function writeSpiffeBundle(content: SpiffeBundleContent): string {
  const { x509Authorities, jwtAuthorities, sequence, refreshHintSeconds } = content;
  const x509 = x509Authorities.map(({ publicKey, der }) => ({
    ...keyMembers(publicKey),
    use: "x509-svid",
    x5c: [encodeBase64(der)],
  }));
  const jwt = jwtAuthorities.keys.map((key) => ({ ...standardJwk(key), use: "jwt-svid" }));
  return JSON.stringify({
    keys: [...x509, ...jwt],
    ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
    ...(refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: refreshHintSeconds }),
  });
}
