import { createHash } from "node:crypto";
import { SpiffeBundle, type X509Bundle } from "@symbolon/spiffe/bundle";
import type { TrustDomain } from "@symbolon/spiffe/id";
import type { Jwk } from "@symbolon/spiffe/jwt";
import type { JwtKeyState } from "./jwt-key-file.ts";
import { type JwtKey, REFRESH_HINT_SECONDS } from "./jwt-keys.ts";

/** The bundle document of the own trust domain, with all keys: those that are prepared, sign, and have signed. */
export function bundleOf(trustDomain: TrustDomain, x509Bundle: X509Bundle, state: JwtKeyState): SpiffeBundle {
  return SpiffeBundle.of(trustDomain, {
    x509Authorities: x509Bundle.x509Authorities,
    jwtAuthorities: { keys: state.keys.map(jwkOf) },
    sequence: state.sequence,
    refreshHintSeconds: REFRESH_HINT_SECONDS,
  });
}

/** Of all authorities: two equal ones make no new sequence number. */
export function contentSha256Of(x509Bundle: X509Bundle, keys: readonly JwtKey[]): string {
  const names = [x509Bundle.fingerprint, ...keys.map(({ keyId }) => keyId)];
  return createHash("sha256").update(names.join("\n")).digest("hex");
}

/** The one algorithm that we sign with a key of this type. */
export function jwtAlgorithmOf({ publicKey }: Pick<JwtKey, "publicKey">): "ES256" | "RS256" {
  return publicKey.asymmetricKeyType === "rsa" ? "RS256" : "ES256";
}

function jwkOf(key: JwtKey): Jwk {
  return { kid: key.keyId, publicKey: key.publicKey, algorithm: jwtAlgorithmOf(key) };
}
