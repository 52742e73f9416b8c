import { isCriError } from "@keelson/cri-api/errors";
import { redact } from "@keelson/cri-api/redact";
import type { LogFields } from "@keelson/runtime-core";

const deepest = 8;

/** What is written of a log line's fields: plain data without secrets, errors with their category, remedy and causes. */
export function plainFields(fields: LogFields): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value, 0)]));
}

function plain(value: unknown, depth: number): unknown {
  if (typeof value === "string") return redact(value);
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || value === null) return value;
  if (depth > deepest) return "…";
  if (value instanceof Error) {
    return {
      message: redact(value.message),
      ...(isCriError(value) ? { code: value.code, hint: value.hint } : { stack: redact(value.stack ?? "") }),
      ...(value.cause === undefined ? {} : { cause: plain(value.cause, depth + 1) }),
    };
  }
  if (Array.isArray(value)) return value.map((one) => plain(one, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [redact(key), plain(one, depth + 1)]));
}
