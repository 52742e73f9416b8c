import process from "node:process";
import type { Log, LogFields } from "@keelson/runtime-core";
import { type Level, pino } from "pino";
import { plainFields } from "./plain-fields.ts";

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
