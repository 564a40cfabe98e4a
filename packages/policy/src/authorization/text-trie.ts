interface TrieNode<T> {
  label: string;
  /** Of the key that ends here. */
  values: T[];
  children: Children<T>;
}

/** Radix trie: finds every key that is a prefix (or suffix) of a text in time that depends on the text alone. */
export class TextTrie<T> {
  readonly #root: TrieNode<T> = { label: "", values: [], children: new Children() };
  readonly #isSuffix: boolean;

  constructor(direction: "prefix" | "suffix") {
    this.#isSuffix = direction === "suffix";
  }

  add(key: string, value: T): void {
    let node = this.#root;
    let rest = this.#isSuffix ? reverse(key) : key;
    while (rest !== "") {
      const child = node.children.get(rest.charCodeAt(0));
      if (!child) {
        const leaf: TrieNode<T> = { label: rest, values: [], children: new Children() };
        node.children.set(rest.charCodeAt(0), leaf);
        node = leaf;
        break;
      }
      const shared = rest.startsWith(child.label) ? child.label.length : sharedLength(child.label, rest);
      node = shared === child.label.length ? child : splitNode(node, child, shared);
      rest = rest.slice(shared);
    }
    node.values.push(value);
  }

  /** Adds the values of every matching key, one list a key. */
  collect(text: string, into: T[][]): void {
    let node = this.#root;
    let at = 0;
    for (;;) {
      if (node.values.length > 0) into.push(node.values);
      if (at >= text.length) return;
      const child = node.children.get(this.#code(text, at));
      if (!child || !this.#labelMatches(child.label, text, at)) return;
      at += child.label.length;
      node = child;
    }
  }

  has(text: string): boolean {
    let node = this.#root;
    let at = 0;
    for (;;) {
      if (node.values.length > 0) return true;
      if (at >= text.length) return false;
      const child = node.children.get(this.#code(text, at));
      if (!child || !this.#labelMatches(child.label, text, at)) return false;
      at += child.label.length;
      node = child;
    }
  }

  #labelMatches(label: string, text: string, at: number): boolean {
    if (text.length - at < label.length) return false;
    if (!this.#isSuffix && label.length > SHORT) return text.startsWith(label, at);
    for (let index = 1; index < label.length; index++)
      if (label.charCodeAt(index) !== this.#code(text, at + index)) return false;
    return true;
  }

  #code(text: string, at: number): number {
    return text.charCodeAt(this.#isSuffix ? text.length - 1 - at : at);
  }
}

/** Puts a node between a parent and its child, where their keys part. */
function splitNode<T>(parent: TrieNode<T>, child: TrieNode<T>, shared: number): TrieNode<T> {
  const middle: TrieNode<T> = { label: child.label.slice(0, shared), values: [], children: new Children() };
  parent.children.set(middle.label.charCodeAt(0), middle);
  child.label = child.label.slice(shared);
  middle.children.set(child.label.charCodeAt(0), child);
  return middle;
}

function sharedLength(left: string, right: string): number {
  let length = 0;
  while (length < left.length && left.charCodeAt(length) === right.charCodeAt(length)) length++;
  return length;
}

/** By code unit: nobody reads the result. */
function reverse(text: string): string {
  let reversed = "";
  for (let index = text.length - 1; index >= 0; index--) reversed += text[index];
  return reversed;
}

/** Children by the first code unit of their labels. A few are found faster one by one than in a map. */
class Children<T> {
  readonly #codes: number[] = [];
  readonly #nodes: TrieNode<T>[] = [];
  #map: Map<number, TrieNode<T>> | undefined;

  get(code: number): TrieNode<T> | undefined {
    if (this.#map) return this.#map.get(code);
    const codes = this.#codes;
    for (let index = 0; index < codes.length; index++) if (codes[index] === code) return this.#nodes[index];
    return undefined;
  }

  set(code: number, node: TrieNode<T>): void {
    const index = this.#codes.indexOf(code);
    this.#codes[index < 0 ? this.#codes.length : index] = code;
    this.#nodes[index < 0 ? this.#nodes.length : index] = node;
    if (this.#codes.length <= FEW && !this.#map) return;
    this.#map ??= new Map(this.#codes.map((known, at) => [known, this.#nodes[at] as TrieNode<T>]));
    this.#map.set(code, node);
  }
}

const FEW = 16;
/** Longer labels are compared faster by the runtime than here. */
const SHORT = 4;
