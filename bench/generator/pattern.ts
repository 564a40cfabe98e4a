/** Content of every message: its byte at place N is known, so that a byte that is lost, moved or changed is seen. */
const PERIOD = 65_521;
const REPEATED = Buffer.allocUnsafe(PERIOD * 16);
for (let at = 0; at < REPEATED.length; at++) REPEATED[at] = (at % PERIOD) * 31 + ((at % PERIOD) >> 8);

/** The longest piece that `patternAt` gives. */
export const LONGEST_PIECE = PERIOD * 15;

/** @param length at most LONGEST_PIECE */
export function patternAt(place: number, length: number): Buffer {
  const start = place % PERIOD;
  return REPEATED.subarray(start, start + length);
}

export function isPattern(place: number, bytes: Buffer, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const piece = Math.min(end - at, LONGEST_PIECE);
    if (patternAt(place + at - start, piece).compare(bytes, at, at + piece) !== 0) return false;
    at += piece;
  }
  return true;
}
