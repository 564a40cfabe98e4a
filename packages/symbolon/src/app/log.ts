import type { Log, LogFields } from "@symbolon/spiffe/core";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface ProcessLog extends Log {
  /** Lines below it are not written; may be set while the process runs. */
  level: LogLevel;
}

const SEVERITY: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** One JSON object a line on standard error; whoever started the process keeps the file. */
export function createProcessLog(process: string, level: LogLevel): ProcessLog {
  const line =
    (lineLevel: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      if (SEVERITY[lineLevel] < SEVERITY[log.level]) return;
      const record = { time: new Date().toISOString(), level: lineLevel, process, message, ...fields };
      console.error(JSON.stringify(record, plainValue));
    };
  const log: ProcessLog = {
    level,
    debug: line("debug"),
    info: line("info"),
    warn: line("warn"),
    error: line("error"),
  };
  return log;
}

/** @returns false: there is no such level, and the old one stays */
export function setLogLevel(log: ProcessLog, text: string): boolean {
  const level = LOG_LEVELS.find((candidate) => candidate === text);
  if (level) log.level = level;
  return level !== undefined;
}

function plainValue(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString(16);
  if (value instanceof Error) return { message: value.message, ...("code" in value ? { code: value.code } : {}) };
  return value;
}
