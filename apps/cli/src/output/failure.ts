import { isCriError } from "@keelson/cri-api/errors";
import { printableLine } from "./printable.ts";

/** What went wrong and what to do about it, for people: one or two lines. */
export function failure(error: unknown): string {
  const message = printableLine(error instanceof Error ? error.message : String(error));
  const prefix = isCriError(error) && error.prefix !== undefined ? `${error.prefix}: ` : "";
  const remedy = isCriError(error) ? (error.hint ?? remedies[error.code]) : undefined;
  return `keelson: ${prefix}${message}${remedy === undefined ? "" : `\n  → ${printableLine(remedy)}`}`;
}

const remedies: Readonly<Record<string, string>> = {
  UNAVAILABLE: "is the runtime running? name its socket with --endpoint",
  UNIMPLEMENTED: "this runtime does not serve that call",
  DEADLINE_EXCEEDED: "the runtime took too long; its log says what it waits for",
  PERMISSION_DENIED: "run it as root",
};
