/** A small generator of hostile inputs: repeatable by its seed, with words that matter to HTTP. */
export interface Mutator {
  mutate(pool: readonly Buffer[]): Buffer;
  cut(input: Buffer): readonly Buffer[];
}

const MAX_INPUT_BYTES = 2000;
const MAX_EDITS = 6;
const WORDS = [
  "\r\n",
  "\n",
  "\r",
  "\r\n\r\n",
  " ",
  "\t",
  ":",
  ": ",
  ",",
  ";",
  "=",
  '"',
  "\0",
  "\x0b",
  "\x7f",
  "\xff",
  "#",
  "/",
  "?",
  "*",
  "_",
  "@",
  "[",
  "]",
  "GET ",
  "POST ",
  "CONNECT ",
  "OPTIONS ",
  "HEAD ",
  " HTTP/1.1",
  " HTTP/1.0",
  "HTTP/1.1 ",
  "HTTP/2.0",
  "http://",
  "https://a",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "Host: a\r\n",
  "Content-Length: 5\r\n",
  "Content-Length: 0\r\n",
  "Transfer-Encoding: chunked\r\n",
  "Transfer-Encoding: ",
  "chunked",
  "Connection: close\r\n",
  "Connection: Upgrade\r\nUpgrade: websocket\r\n",
  "Expect: 100-continue\r\n",
  "0\r\n\r\n",
  "5\r\nhello\r\n",
  "1;a=b\r\nx\r\n",
  "ffffffffffffffff",
  "100 Continue\r\n\r\n",
  "101 Switching Protocols\r\n",
  "204 No Content\r\n",
  "304 \r\n",
  "X-Envoy-A: b\r\n",
  "x: y\r\n",
].map((word) => Buffer.from(word, "latin1"));

/** @param seed of a xorshift generator: tests have to be repeatable */
export function createMutator(seed: number): Mutator {
  let state = (seed | 0) * 2_654_435_761 || 1;
  const next = (below: number): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(1, below);
  };
  const pick = <T>(items: readonly T[]): T => items[next(items.length)] as T;

  const edit = (input: Buffer, pool: readonly Buffer[]): Buffer => {
    const at = next(input.length + 1);
    const length = next(Math.min(32, input.length - at + 1));
    switch (next(8)) {
      case 0:
        return Buffer.concat([input.subarray(0, at), Buffer.from([next(256)]), input.subarray(at)]);
      case 1:
        return Buffer.concat([input.subarray(0, at), input.subarray(at + length)]);
      case 2:
      case 3:
        return Buffer.concat([input.subarray(0, at), pick(WORDS), input.subarray(at)]);
      case 4:
        return Buffer.concat([input.subarray(0, at), pick(WORDS), input.subarray(at + length)]);
      case 5:
        return Buffer.concat([input.subarray(0, at), input.subarray(at, at + length), input.subarray(at)]);
      case 6: {
        const other = pick(pool);
        return Buffer.concat([input.subarray(0, at), other.subarray(next(other.length + 1))]);
      }
      default: {
        const changed = Buffer.from(input);
        if (changed.length > 0) changed[next(changed.length)] = next(256);
        return changed;
      }
    }
  };

  return {
    mutate(pool) {
      let input = Buffer.from(pick(pool));
      for (let edits = next(MAX_EDITS); edits > 0; edits--) input = edit(input, pool) as typeof input;
      return input.subarray(0, MAX_INPUT_BYTES);
    },
    cut(input) {
      const pieces: Buffer[] = [];
      const longest = 1 + next(input.length + 1);
      for (let at = 0; at < input.length; ) {
        const end = Math.min(input.length, at + 1 + next(longest));
        pieces.push(input.subarray(at, end));
        at = end;
      }
      return pieces;
    },
  };
}
