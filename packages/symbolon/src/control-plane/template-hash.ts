import type { PodTemplate } from "../mesh/index.ts";

/** Letters of generated names, as Kubernetes: no vowels, so that no words appear, and nothing that looks alike. */
export const NAME_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

const hashes = new WeakMap<PodTemplate, string>();

/** Ten letters that change when anything that a running pod depends on changes. */
export function templateHash(template: PodTemplate): string {
  const known = hashes.get(template);
  if (known !== undefined) return known;
  const hash = makeHash(template);
  hashes.set(template, hash);
  return hash;
}

function makeHash(template: PodTemplate): string {
  const digits = String(fnv1a(canonicalJson(template))).padStart(10, "0");
  return [...digits].map((digit) => NAME_ALPHABET[digit.charCodeAt(0) % NAME_ALPHABET.length]).join("");
}

/** Same value, same text: keys sorted at every level. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === "object" && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** 32-bit FNV-1a over the UTF-8 octets. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}
