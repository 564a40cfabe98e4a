const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365 * DAY;

/** kubectl's AGE: two units while they tell something, one after that. */
export function formatAge(created: string | undefined, now: Date): string {
  const createdMs = created === undefined ? Number.NaN : Date.parse(created);
  if (Number.isNaN(createdMs)) return "<unknown>";
  const seconds = Math.floor((now.getTime() - createdMs) / 1000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 2 * MINUTE) return `${Math.max(0, seconds)}s`;
  if (seconds < 10 * MINUTE) return twoUnits(seconds, MINUTE, "m", 1, "s");
  if (seconds < 3 * HOUR) return oneUnit(seconds, MINUTE, "m");
  if (seconds < 8 * HOUR) return twoUnits(seconds, HOUR, "h", MINUTE, "m");
  if (seconds < 2 * DAY) return oneUnit(seconds, HOUR, "h");
  if (seconds < 8 * DAY) return twoUnits(seconds, DAY, "d", HOUR, "h");
  if (seconds < 2 * YEAR) return oneUnit(seconds, DAY, "d");
  return seconds < 8 * YEAR ? twoUnits(seconds, YEAR, "y", DAY, "d") : oneUnit(seconds, YEAR, "y");
}

function oneUnit(seconds: number, unit: number, letter: string): string {
  return `${Math.floor(seconds / unit)}${letter}`;
}

function twoUnits(seconds: number, large: number, largeLetter: string, small: number, smallLetter: string): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)}${largeLetter}${rest === 0 ? "" : `${rest}${smallLetter}`}`;
}
