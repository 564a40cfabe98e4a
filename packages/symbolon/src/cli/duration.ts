import { CommandExit, EXIT } from "./exit-status.ts";

/** What `parseDuration` takes. */
export const DURATION = /^(\d+[smhd])+$/;

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** "90s", "15m", "24h", "7d" or a sum such as "1h30m", in seconds. */
export function parseDuration(option: string, text: string): number {
  if (!DURATION.test(text))
    throw new CommandExit(EXIT.usage, `error: ${option} "${text}" is not a duration; write it as 90s, 15m, 24h or 7d`);
  return [...text.matchAll(/(\d+)([smhd])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * (UNIT_SECONDS[unit ?? ""] ?? 0),
    0,
  );
}
