import type { AuditLine } from "../../../audit/index.ts";
import { printable } from "../../printable.ts";
import { formatTable } from "../../table.ts";

export const EVENT_HEAD = ["TIME", "KIND", "OUTCOME", "ACTOR", "SUBJECT", "WHY"];

export function eventRow(line: AuditLine): readonly string[] {
  const why = [line.code, line.authority, detailsText(line.details)].filter(
    (part) => part !== undefined && part !== "",
  );
  return [line.time, line.kind, line.outcome, line.actor, line.subject ?? "-", why.join(" ") || "-"].map(printable);
}

export function printEvents(lines: readonly AuditLine[]): void {
  process.stdout.write(formatTable([EVENT_HEAD, ...lines.map(eventRow)]));
}

const detailsText = (details: AuditLine["details"]): string =>
  Object.entries(details ?? {})
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
