import type { CompactToken } from "@symbolon/policy";
import type { JwkSet } from "@symbolon/spiffe/jwt";

export const VERIFIED_TOKENS = {
  /** Of each of the two halves. */
  tokens: 4096,
  /** UTF-16 code units of each half: what many long tokens may take. */
  characters: 4 * 1024 * 1024,
} as const;

interface Entry {
  readonly token: CompactToken;
  readonly keys: JwkSet;
  /** Unix milliseconds, its `exp`; infinite without one. */
  readonly endsMs: number;
}

/**
 * Tokens whose signature has been verified, by their whole text and the set of keys: a token that differs in one
 * character, or other keys, is verified anew. Only good tokens come in, so that nobody without one can push others out.
 * None outlives its `exp`: whoever allows for skewed clocks verifies it anew. Two halves: when the new one is full it
 * becomes the old one, and what is asked for again moves over.
 */
export class VerifiedTokens {
  readonly #limits: { readonly tokens: number; readonly characters: number };
  #recent = new Map<string, Entry>();
  #older = new Map<string, Entry>();
  #characters = 0;

  constructor(limits: { readonly tokens: number; readonly characters: number } = VERIFIED_TOKENS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#recent.size + this.#older.size;
  }

  find(text: string, nowMs: number): Entry | undefined {
    const recent = this.#recent.get(text);
    const entry = recent ?? this.#older.get(text);
    if (!entry) return undefined;
    if (entry.endsMs <= nowMs) {
      this.#recent.delete(text);
      this.#older.delete(text);
      return undefined;
    }
    if (!recent) {
      this.#older.delete(text);
      this.#keep(entry);
    }
    return entry;
  }

  add(token: CompactToken, keys: JwkSet, nowMs: number): void {
    const { exp } = token.claims;
    const endsMs = typeof exp === "number" ? exp * 1000 : Number.POSITIVE_INFINITY;
    if (endsMs > nowMs) this.#keep({ token, keys, endsMs });
  }

  #keep(entry: Entry): void {
    const { text } = entry.token;
    if (this.#recent.size >= this.#limits.tokens || this.#characters + text.length > this.#limits.characters) {
      this.#older = this.#recent;
      this.#recent = new Map();
      this.#characters = 0;
    }
    if (!this.#recent.has(text)) this.#characters += text.length;
    this.#recent.set(text, entry);
  }
}
