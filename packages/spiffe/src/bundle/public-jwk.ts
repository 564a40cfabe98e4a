import type { KeyObject } from "node:crypto";
import { type Jwk, jwkFromPublicKey } from "../jwt/index.ts";

/** Members of RFC 7518 §6 that a public key is made of: `kty` first, then the others by name. */
export type KeyMembers = Readonly<Record<string, string>>;

/** @throws ERR_KEY_UNSUPPORTED */
export function keyMembers(publicKey: KeyObject): KeyMembers {
  const { use: _use, kid: _kid, alg: _alg, kty, ...numbers } = jwkFromPublicKey(publicKey);
  const texts = Object.entries(numbers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return { kty, ...Object.fromEntries(texts) };
}

/** A key with its name, for readers that know RFC 7517 alone. */
export function standardJwk({ kid, algorithm, publicKey }: Jwk): KeyMembers {
  return {
    ...keyMembers(publicKey),
    ...(kid === undefined ? {} : { kid }),
    ...(algorithm === undefined ? {} : { alg: algorithm }),
  };
}
