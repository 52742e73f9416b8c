import process from "node:process";
import { isCriError } from "@keelson/cri-api/errors";
import { redact } from "@keelson/cri-api/redact";
import type { Log, LogFields } from "@keelson/runtime-core";
import { type Level, pino } from "pino";

/** Structured logs, a JSON object per line on stderr, written at once so that a crash loses none. */
export function createLog(level: Level): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    pino.destination({ fd: process.stderr.fd, sync: true }),
  );
  const at =
    (one: "debug" | "info" | "warn" | "error") =>
    (message: string, fields: LogFields = {}): void => {
      if (logger.isLevelEnabled(one)) logger[one](plainFields(fields), message);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value, 0)]));
}

/** Only plain data reaches the log: texts without secrets, errors with their category, remedy and causes. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "bigint") return String(value);
  if (!(value instanceof Error)) return value;
  return {
    message: redact(value.message),
    ...(isCriError(value) ? { code: value.code, hint: value.hint } : { stack: redact(value.stack ?? "") }),
    ...(value.cause === undefined || depth > 8 ? {} : { cause: plain(value.cause, depth + 1) }),
  };
}
