import { CriError, isCriError } from "../errors.ts";
import type { Redactor } from "./redact-text.ts";

/**
 * An error whose words came in part from a stranger, fit to be shown: the same one when there is nothing to hide in it or
 * in its causes, else its like in redacted words with such causes. Of an error that is replaced only name, message,
 * category, hint and code are kept: everything else that it holds (metadata, details) may tell the secret again.
 * @param error whatever was thrown
 */
export function redactError(error: unknown, redact: Redactor): unknown {
  return tells(error, redact, new Set()) ? replace(error, redact, 0) : error;
}

/** More than an error has that was not made to hide something in it. */
const maxValues = 1000;
const maxCauses = 16;

function replace(error: unknown, redact: Redactor, depth: number): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? redact(error) : new Error("[redacted]");
  const message = redact(error.message);
  const cause =
    error.cause === undefined || depth >= maxCauses ? {} : { cause: replace(error.cause, redact, depth + 1) };
  const like = isCriError(error) ? new CriError(error.code, message, criOptions(error, redact)) : new Error(message);
  if ("cause" in cause) define(like, "cause", cause.cause);
  define(like, "name", redact(error.name));
  if (!isCriError(error) && "code" in error && isCode(error.code, redact)) Object.assign(like, { code: error.code });
  define(like, "stack", `${like.name}: ${message}${frames(error, redact)}`);
  return like;
}

function criOptions({ hint, prefix, reason }: CriError, redact: Redactor): ConstructorParameters<typeof CriError>[2] {
  return {
    ...(hint !== undefined && { hint: redact(hint) }),
    ...(prefix !== undefined && { prefix }),
    ...(reason !== undefined && { reason }),
  };
}

/** A number, or a word such as ENOENT. */
function isCode(code: unknown, redact: Redactor): boolean {
  if (typeof code === "number") return true;
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) && redact(code) === code;
}

function define(error: Error, key: "cause" | "name" | "stack", value: unknown): void {
  Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: false });
}

/** Where it came from, without the message that a stack begins with. */
function frames(error: Error, redact: Redactor): string {
  const lines = (error.stack ?? "").split("\n").filter((line) => isFrame(line));
  return lines.map((line) => `\n${redact(line)}`).join("");
}

function isFrame(line: string): boolean {
  return /^\s+at /.test(line);
}

/** Whether anything that can be read of a value says what the redactor would hide. */
function tells(value: unknown, redact: Redactor, seen: Set<unknown>): boolean {
  if (typeof value === "string") return saysIt(value, redact);
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  seen.add(value);
  if (seen.size > maxValues) return true;
  if (value instanceof Uint8Array) return saysIt(new TextDecoder().decode(value), redact);
  if (ArrayBuffer.isView(value)) return false;
  if (value instanceof Error && errorTells(value, redact, seen)) return true;
  if (value instanceof Map || value instanceof Set || value instanceof Headers) return tells([...value], redact, seen);
  return Object.values(Object.getOwnPropertyDescriptors(value)).some(
    (own) => own.value !== (value as { stack?: unknown }).stack && tells(own.value, redact, seen),
  );
}

/** What an error says by itself; some kinds (DOMException) have nothing of that as properties of their own. */
function errorTells(error: Error, redact: Redactor, seen: Set<unknown>): boolean {
  // frames name our own files, which may look like URLs with a query
  const stack = (error.stack ?? "").split("\n").filter((line) => !isFrame(line));
  return [error.name, error.message, error.cause, ...stack].some((one) => tells(one, redact, seen));
}

function saysIt(text: string, redact: Redactor): boolean {
  return redact(text) !== text || (text.includes("%") && redact(percentDecoded(text)) !== percentDecoded(text));
}

/** As a gRPC status message stands in a header. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // not encoded at all
  }
}
