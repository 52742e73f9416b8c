import process from "node:process";
import { isCriError } from "@keelson/cri-api/errors";
import { redact } from "@keelson/cri-api/redact";
import type { Log, LogFields } from "@keelson/runtime-core";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** A log as lines of JSON on stderr, from `level` upwards. */
export function createStderrLog(level: LogLevel): Log {
  const from = logLevels.indexOf(level);
  const at = (one: LogLevel) => (message: string, fields: LogFields) => {
    if (logLevels.indexOf(one) < from) return;
    const entry = { time: new Date().toISOString(), level: one, msg: message, ...fields };
    process.stderr.write(`${JSON.stringify(entry, (_key, value: unknown) => plain(value))}\n`);
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** What JSON has no form for; errors with their causes. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "string") return redact(value);
  if (!(value instanceof Error)) return value;
  return {
    message: value.message,
    ...(isCriError(value) ? { code: value.code, hint: value.hint } : { stack: value.stack }),
    ...(value.cause === undefined ? {} : { cause: value.cause }),
  };
}
