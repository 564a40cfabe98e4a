import type { Log, LogFields } from "@symbolon/spiffe/core";

export type LogLevel = "debug" | "info" | "warn" | "error";

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** One JSON object a line on standard error; whoever started the process keeps the file. */
export function createProcessLog(process: string, level: LogLevel): Log {
  const line =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (SEVERITY[lineLevel] < SEVERITY[level]) return;
      const record = { time: new Date().toISOString(), level: lineLevel, process, message, ...fields };
      console.error(JSON.stringify(record, plainValue));
    };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16);
  if (value instanceof Error) return { message: value.message, ...("code" in value ? { code: value.code } : {}) };
  return value;
}
