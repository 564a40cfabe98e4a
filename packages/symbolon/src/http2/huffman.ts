/**
 * The static Huffman code of RFC 7541 Appendix B. It is canonical: codes of one length count up in the order of their
 * symbols, so that the lengths say everything.
 */
const RUNS =
  "13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13 6 7*22 8 7 8 13 19 13 14 6 15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24 23*4 21 22 23 22 23*2 24 22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20 19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26 27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23 26 27 26*2 27*5 28 27*5 26 30";
const END_OF_STRING = 256;

/** Of the symbols 0 to 255, and of the end of a string. */
export const CODE_LENGTHS: readonly number[] = RUNS.split(" ").flatMap((run) => {
  const [length, times = 1] = run.split("*").map(Number);
  return Array.from({ length: times }, () => length ?? 0);
});

/**
 * The code as a tree: of node n, entry 2n is where a 0 leads and 2n + 1 where a 1 leads. A leaf is the complement of its
 * symbol, which is negative.
 */
const TREE = buildTree();

function buildTree(): Int16Array {
  const tree = new Int16Array(2 * (CODE_LENGTHS.length - 1));
  let nodes = 1;
  const place = (symbol: number, code: number, length: number): void => {
    let node = 0;
    for (let bit = length - 1; bit > 0; bit--) {
      const edge = 2 * node + ((code >> bit) & 1);
      if (tree[edge] === 0) tree[edge] = nodes++;
      node = tree[edge] ?? 0;
    }
    tree[2 * node + (code & 1)] = ~symbol;
  };
  let code = 0;
  for (let length = 1; length <= 30; length++, code <<= 1)
    for (const [symbol, own] of CODE_LENGTHS.entries()) if (own === length) place(symbol, code++, length);
  return tree;
}

/** @returns the text, a character an octet; undefined for a code that is not one (RFC 7541 §5.2) */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  const text: number[] = [];
  let node = 0;
  let depth = 0;
  let isPadding = true;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0;
    for (let bit = 7; bit >= 0; bit--) {
      const value = (byte >> bit) & 1;
      const next = TREE[2 * node + value] ?? 0;
      depth++;
      isPadding &&= value === 1;
      if (next >= 0) {
        node = next;
        continue;
      }
      if (~next === END_OF_STRING) return undefined;
      text.push(~next);
      node = 0;
      depth = 0;
      isPadding = true;
    }
  }
  // What is left over is less than an octet, and the beginning of the end of a string: ones.
  if (depth > 7 || !isPadding) return undefined;
  // Not as arguments of a call: a block has more symbols than a stack may hold.
  return Buffer.from(text).toString("latin1");
}
