import { formatAge } from "../commands/get/age.ts";

/** `2026-01-01T00:00:00Z`: certificates and tokens have whole seconds. */
export function isoSeconds(time: Date): string {
  return time.toISOString().replace(/\.\d+Z$/, "Z");
}

/** "5m ago", "in 5m" */
export function relativeTo(time: Date, now: Date): string {
  const isPast = time <= now;
  const [from, to] = isPast ? [time, now] : [now, time];
  const length = formatAge(from.toISOString(), to);
  return isPast ? `${length} ago` : `in ${length}`;
}
