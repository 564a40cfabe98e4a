export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Constant lower-case message plus fields; no interpolation.
 * error = someone must act; warn = degraded; info = life cycle; debug = per connection.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
