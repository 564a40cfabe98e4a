import { hash } from "node:crypto";
import type { JsonObject, JwkSet } from "@symbolon/spiffe/jwt";

/** An agent asks with the same token for hours; there is one for each pod. */
const MAX_TOKENS = 1024;

interface Entry {
  readonly keySet: JwkSet;
  readonly claims: JsonObject;
}

/**
 * Claims of tokens whose signature has been verified, by SHA-256 of the whole text and by the key set that verified it:
 * a token that differs in one character, or other keys, is verified anew. It says nothing of time, audience or pod,
 * which whoever asks looks at each time. Tokens that were good in every respect alone come in, so that nobody without
 * one can push others out; the one that has not been asked for longest goes first.
 */
export class VerifiedServiceAccountTokens {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  find(token: string, keySet: JwkSet): JsonObject | undefined {
    const key = keyOf(token);
    const entry = this.#entries.get(key);
    if (!entry) return undefined;
    this.#entries.delete(key);
    if (entry.keySet !== keySet) return undefined;
    this.#entries.set(key, entry);
    return entry.claims;
  }

  add(token: string, keySet: JwkSet, claims: JsonObject): void {
    this.#entries.set(keyOf(token), { keySet, claims });
    const [oldest] = this.#entries.size > MAX_TOKENS ? this.#entries.keys() : [];
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  remove(token: string): void {
    this.#entries.delete(keyOf(token));
  }
}

const keyOf = (token: string): string => hash("sha256", token, "base64");
