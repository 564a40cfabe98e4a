import type { KeyObject } from "node:crypto";
import { builtinModule } from "../runtime/index.ts";

const nodeCrypto = builtinModule("node:crypto");

/** RFC 7518 §3.1 and RFC 8037 §3.1, asymmetric ones only: a symmetric key in a key set would be everybody's. */
export const JWS_ALGORITHMS = [
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
] as const;
export type JwsAlgorithm = (typeof JWS_ALGORITHMS)[number];

type AlgorithmParameters =
  | { readonly type: "ec"; readonly hash: string; readonly curve: string; readonly signatureBytes: number }
  | { readonly type: "rsa"; readonly hash: string; readonly pssSaltLength?: number }
  | { readonly type: "ed25519"; readonly hash: null };

const PARAMETERS: Readonly<Record<JwsAlgorithm, AlgorithmParameters>> = {
  ES256: { type: "ec", hash: "sha256", curve: "prime256v1", signatureBytes: 64 },
  ES384: { type: "ec", hash: "sha384", curve: "secp384r1", signatureBytes: 96 },
  ES512: { type: "ec", hash: "sha512", curve: "secp521r1", signatureBytes: 132 },
  RS256: { type: "rsa", hash: "sha256" },
  RS384: { type: "rsa", hash: "sha384" },
  RS512: { type: "rsa", hash: "sha512" },
  PS256: { type: "rsa", hash: "sha256", pssSaltLength: 32 },
  PS384: { type: "rsa", hash: "sha384", pssSaltLength: 48 },
  PS512: { type: "rsa", hash: "sha512", pssSaltLength: 64 },
  EdDSA: { type: "ed25519", hash: null },
};

export function isJwsAlgorithm(text: unknown): text is JwsAlgorithm {
  return JWS_ALGORITHMS.some((algorithm) => algorithm === text);
}

/** RFC 7518 §3.4: each ECDSA algorithm has one curve; RSA keys fit RS* and PS*. */
export function keyFits(algorithm: JwsAlgorithm, key: KeyObject): boolean {
  const parameters = PARAMETERS[algorithm];
  if (key.asymmetricKeyType !== parameters.type) return false;
  return parameters.type !== "ec" || key.asymmetricKeyDetails?.namedCurve === parameters.curve;
}

/** The algorithm that a key signs with when nothing else is asked for; undefined for keys of no use here. */
export function defaultAlgorithm(key: KeyObject): JwsAlgorithm | undefined {
  return (["ES256", "ES384", "ES512", "RS256", "EdDSA"] as const).find((algorithm) => keyFits(algorithm, key));
}

export function signWith(algorithm: JwsAlgorithm, privateKey: KeyObject, input: Uint8Array): Uint8Array {
  return new Uint8Array(nodeCrypto().sign(PARAMETERS[algorithm].hash, input, keyInput(algorithm, privateKey)));
}

/** False also for a key that does not fit, and for a signature of an impossible shape. */
export function verifyWith(
  algorithm: JwsAlgorithm,
  publicKey: KeyObject,
  input: Uint8Array,
  signature: Uint8Array,
): boolean {
  const parameters = PARAMETERS[algorithm];
  if (!keyFits(algorithm, publicKey)) return false;
  if (parameters.type === "ec" && signature.length !== parameters.signatureBytes) return false;
  const { verify } = nodeCrypto();
  try {
    return verify(parameters.hash, input, keyInput(algorithm, publicKey), signature);
  } catch {
    // The runtimes throw on signatures of an impossible shape, where others return false.
    return false;
  }
}

function keyInput(algorithm: JwsAlgorithm, key: KeyObject) {
  const parameters = PARAMETERS[algorithm];
  // RFC 7518 §3.4: r and s side by side, not DER.
  if (parameters.type === "ec") return { key, dsaEncoding: "ieee-p1363" as const };
  if (parameters.type !== "rsa" || parameters.pssSaltLength === undefined) return { key };
  return { key, padding: nodeCrypto().constants.RSA_PKCS1_PSS_PADDING, saltLength: parameters.pssSaltLength };
}
