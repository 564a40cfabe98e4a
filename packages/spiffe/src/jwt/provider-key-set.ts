import { isJsonObject, isSymbolonError, type JsonValue, parseStrictJson } from "../core/index.ts";
import { checkPublicJwk, isForSignatures, isSecretJwk, type Jwk, readJwk, SECRET } from "./jwk.ts";
import { type JwkSet, MAX_JWK_SET_CHARACTERS, MAX_KEYS } from "./jwk-set.ts";

/**
 * What the key set of an identity provider is good for; the kinds are those that Istio tells apart (istio-security §2.5).
 * ready: at least one key. no_keys: no member `keys`. keys_not_list: it is no array. no_valid_keys: nothing in it verifies.
 */
export type ProviderKeySet =
  | { readonly kind: "ready"; readonly keys: JwkSet; readonly leftOut: readonly LeftOutKey[] }
  | { readonly kind: "no_valid_keys"; readonly leftOut: readonly LeftOutKey[] }
  | { readonly kind: "not_json" | "no_keys" | "keys_not_list" };

/** A key that is never used, and why. */
export interface LeftOutKey {
  readonly index: number;
  readonly reason: string;
}

/**
 * Reads the JWK Set of an identity provider, which we do not write: a key that is weak, malformed or for something else is
 * left out by itself, so that its neighbours go on working. A private or symmetric key leaves out the whole set: who
 * publishes one key that everybody can sign with is not believed about the others. Keys may share a `kid`, as RFC 7517
 * §4.5 allows.
 */
export function parseProviderKeySet(text: string): ProviderKeySet {
  const set = parseSet(text);
  if (set === undefined || !isJsonObject(set)) return { kind: "not_json" };
  const { keys } = set;
  if (keys === undefined) return { kind: "no_keys" };
  if (!Array.isArray(keys)) return { kind: "keys_not_list" };
  const secret = keys.findIndex((member) => isJsonObject(member) && isSecretJwk(member));
  if (secret >= 0)
    return { kind: "no_valid_keys", leftOut: [{ index: secret, reason: `key ${secret} ${SECRET}: all are refused` }] };
  const usable: Jwk[] = [];
  const leftOut: LeftOutKey[] = [];
  for (const [index, member] of keys.entries()) {
    const key: Jwk | string = index < MAX_KEYS ? readMember(member, index) : `more than ${MAX_KEYS} keys`;
    if (typeof key === "string") leftOut.push({ index, reason: key });
    else usable.push(key);
  }
  if (usable.length === 0) return { kind: "no_valid_keys", leftOut };
  return { kind: "ready", keys: Object.freeze({ keys: Object.freeze(usable) }), leftOut };
}

/** The key, or why it is left out. */
function readMember(member: JsonValue, index: number): Jwk | string {
  if (!isJsonObject(member)) return "not an object";
  try {
    checkPublicJwk(member, index);
    return isForSignatures(member) ? readJwk(member, index) : "not a key for signatures that are supported";
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return error.message;
  }
}

function parseSet(text: string): JsonValue | undefined {
  if (text.length > MAX_JWK_SET_CHARACTERS) return undefined;
  try {
    return parseStrictJson(text);
  } catch (error) {
    if (!isSymbolonError(error)) throw error;
    return undefined;
  }
}
