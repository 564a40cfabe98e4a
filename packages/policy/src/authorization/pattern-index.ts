import type { IpAddress, IpBlock } from "../ip-match.ts";
import { TextTrie } from "./text-trie.ts";

/** What an attribute must be like for a rule to have a chance. */
export type AnchorKey =
  | { readonly table: string; readonly kind: "exact" | "prefix" | "suffix"; readonly text: string }
  | { readonly table: string; readonly kind: "block"; readonly block: IpBlock };

/** Finds, for one attribute, the entries whose key fits its value, without looking at the others. */
export class PatternIndex<T> {
  readonly #exact = new Map<string, T[]>();
  #prefixes: TextTrie<T> | undefined;
  #suffixes: TextTrie<T> | undefined;
  /** By family and prefix length, then by the network's bits. */
  readonly #blocks = new Map<number, Map<bigint, T[]>>();

  add(key: AnchorKey, value: T): void {
    if (key.kind === "exact") push(this.#exact, key.text, value);
    else if (key.kind === "block") {
      const length = lengthKey(key.block);
      const networks = this.#blocks.get(length) ?? new Map<bigint, T[]>();
      this.#blocks.set(length, networks);
      push(networks, networkBits(key.block, key.block.prefixLength), value);
    } else if (key.kind === "prefix") {
      this.#prefixes ??= new TextTrie("prefix");
      this.#prefixes.add(key.text, value);
    } else {
      this.#suffixes ??= new TextTrie("suffix");
      this.#suffixes.add(key.text, value);
    }
  }

  collect(text: string, into: T[][]): void {
    const exact = this.#exact.get(text);
    if (exact) into.push(exact);
    this.#prefixes?.collect(text, into);
    this.#suffixes?.collect(text, into);
  }

  collectAddress(address: IpAddress, into: T[][]): void {
    for (const [length, networks] of this.#blocks) {
      if (length >> 8 !== address.family) continue;
      const found = networks.get(networkBits(address, length & 0xff));
      if (found) into.push(found);
    }
  }
}

/** The same text for equal keys. */
export function anchorText(key: AnchorKey): string {
  const what = key.kind === "block" ? `${lengthKey(key.block)}:${key.block.bits}` : key.text;
  return `${key.table}\n${key.kind}\n${what}`;
}

function lengthKey({ family, prefixLength }: IpBlock): number {
  return (family << 8) | prefixLength;
}

function networkBits({ family, bits }: IpAddress, prefixLength: number): bigint {
  return bits >> BigInt((family === 4 ? 32 : 128) - prefixLength);
}

function push<K, T>(map: Map<K, T[]>, key: K, value: T): void {
  const list = map.get(key);
  if (!list) map.set(key, [value]);
  // One rule may give the same key twice, by two entries.
  else if (list.at(-1) !== value) list.push(value);
}
