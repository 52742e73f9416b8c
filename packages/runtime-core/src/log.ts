/** What a log line says beside its message: plain data. An `Error` may stand under `error`; its causes belong to it. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Where the core writes what an operator should know. Structured: a message is one short lower-case sentence without
 * values, which are fields. Never throws.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Writes nothing. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
