let knownSecond = Number.NaN;
/** "2026-11-26T12:00:00." */
let secondText = "";
let knownMs = Number.NaN;
let known = "";

/**
 * RFC 3339, as Date's toISOString has it. Records of one millisecond share their text, and those of one second most of it.
 * @param ms since 1970
 */
export function timestamp(ms: number): string {
  if (ms === knownMs) return known;
  const second = Math.floor(ms / 1000);
  if (second !== knownSecond) {
    secondText = new Date(second * 1000).toISOString().slice(0, -4);
    knownSecond = second;
  }
  knownMs = ms;
  known = `${secondText}${String(ms - second * 1000).padStart(3, "0")}Z`;
  return known;
}
