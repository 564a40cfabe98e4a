import { type Clock, type Random, Secret, toHex } from "@symbolon/spiffe/core";
import { type JwkSet, jwkFromPublicKey, type PublicJwk, parseJwkSet, signJws } from "@symbolon/spiffe/jwt";
import { productError } from "../core/index.ts";
import type { SecretDirectory } from "./ports.ts";
import { loadOrCreateKey } from "./stored-key.ts";

export interface ServiceAccountTokenRequest {
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly podName: string;
  readonly podUid: string;
  readonly audiences: readonly string[];
  readonly lifetimeSeconds: number;
}

export interface ServiceAccountToken {
  readonly token: Secret<string>;
  readonly expiresAt: Date;
}

/** What Kubernetes' API server is to its pods: the issuer of projected, pod-bound tokens. */
export interface TokenIssuer {
  readonly issuer: string;
  readonly keySet: JwkSet;
  /** The public key as others fetch it. */
  readonly jwks: { readonly keys: readonly PublicJwk[] };
  issueServiceAccountToken(request: ServiceAccountTokenRequest): ServiceAccountToken;
}

const ISSUER_KEY = {
  file: "service-account-issuer.key",
  kind: "ec-p256",
  fix: "remove it and restart every pod",
} as const;
const JWKS_FILE = "jwks.json";

/**
 * Reads the issuer's key, or makes it at the first start. The token is what a kubelet projects: `sub`, and the
 * `kubernetes.io` claims that bind it to one pod.
 * @throws ERR_CA_FILES_INVALID, ERR_FILE_*
 */
export async function loadTokenIssuer(options: {
  readonly issuer: string;
  readonly directory: SecretDirectory;
  readonly clock: Clock;
  readonly random: Random;
}): Promise<TokenIssuer> {
  const { issuer, directory, clock, random } = options;
  const { privateKey, publicKey } = await loadOrCreateKey(directory, ISSUER_KEY);
  const jwk = jwkFromPublicKey(publicKey);
  const jwks = { keys: [jwk] };
  const text = JSON.stringify(jwks);
  await directory.writePublic(JWKS_FILE, Buffer.from(`${text}\n`));

  return {
    issuer,
    jwks,
    keySet: parseJwkSet(text),
    issueServiceAccountToken(request) {
      const { namespace, serviceAccount, podName, podUid, audiences, lifetimeSeconds } = request;
      if (!Number.isInteger(lifetimeSeconds) || lifetimeSeconds < 1)
        throw productError(
          "ERR_CONFIG_INVALID",
          `token lifetime "${lifetimeSeconds}" is not a whole number of seconds`,
        );
      const issuedAt = Math.floor(clock.now().getTime() / 1000);
      const expiry = issuedAt + lifetimeSeconds;
      const claims = {
        aud: audiences,
        exp: expiry,
        iat: issuedAt,
        iss: issuer,
        jti: toHex(random.bytes(16)),
        "kubernetes.io": {
          namespace,
          pod: { name: podName, uid: podUid },
          serviceaccount: { name: serviceAccount },
        },
        nbf: issuedAt,
        sub: `system:serviceaccount:${namespace}:${serviceAccount}`,
      };
      const token = signJws(claims, { kid: jwk.kid, privateKey, algorithm: "ES256" });
      return { token: new Secret(token), expiresAt: new Date(expiry * 1000) };
    },
  };
}
