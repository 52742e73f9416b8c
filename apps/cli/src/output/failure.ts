import { isCriError } from "@keelson/cri-api/errors";
import { printable } from "./printable.ts";

/** What went wrong and what to do about it, for people: a line or two for each error. */
export async function failure(error: unknown): Promise<string> {
  const text = parts(error).map(describe).join("\n");
  // not every runtime takes passwords and signatures out of what it says
  const { redact } = await import("@keelson/cri-api/redact");
  return printable(redact(text));
}

/** An error that hides or holds others, as the single ones, the first one first. */
function parts(error: unknown): readonly unknown[] {
  if (error instanceof SuppressedError) return [...parts(error.suppressed), ...parts(error.error)];
  if (error instanceof AggregateError) return error.errors.flatMap(parts);
  return [error];
}

function describe(error: unknown): string {
  const remedy = remedyOf(error);
  return `keelson: ${indented(causeOf(error))}${remedy === undefined ? "" : `\n  → ${indented(remedy)}`}`;
}

function causeOf(error: unknown): string {
  if (isCriError(error)) return error.prefix === undefined ? error.message : `${error.prefix}: ${error.message}`;
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${causeOf(error.cause)}` : error.message;
}

function remedyOf(error: unknown): string | undefined {
  if (isCriError(error)) {
    // a runtime of ours has put its own remedy there
    return error.hint ?? (error.message.endsWith(")") ? undefined : remedies[error.prefix ?? error.code]);
  }
  return error instanceof Error && error.cause instanceof Error ? remedyOf(error.cause) : undefined;
}

const remedies: Readonly<Record<string, string>> = {
  RegistryUnavailable: "check the registry's name in the image, and the way to it",
  UNAVAILABLE: "the runtime may be about to start or to end: see its log, and try again",
  UNIMPLEMENTED: "this runtime does not serve that call",
  DEADLINE_EXCEEDED: "the runtime took too long: its log says what it waits for",
  INTERNAL: "see the runtime's log for the cause",
  UNKNOWN: "see the runtime's log for the cause",
};

/** What a line feed in foreign text begins can't be taken for a line of ours. */
function indented(text: string): string {
  return text.trimEnd().replaceAll("\n", "\n    ");
}
