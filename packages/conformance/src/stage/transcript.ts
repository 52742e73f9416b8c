import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";

/** What was asked and answered in a case, a line each. */
export class Transcript {
  readonly #entries: { readonly ms: number; readonly line: string | (() => string) }[] = [];
  readonly #began: number = performance.now();

  /** A function is asked when somebody reads, which is only so of cases that fail. */
  add(line: string | (() => string)): void {
    this.#entries.push({ ms: performance.now() - this.#began, line });
  }

  lines(): readonly string[] {
    return this.#entries.map((entry) => {
      const line = typeof entry.line === "string" ? entry.line : entry.line();
      return `${entry.ms.toFixed(0).padStart(6)} ms  ${line.length > 600 ? `${line.slice(0, 600)}…` : line}`;
    });
  }
}

export function writeMessage(schema: DescMessage, message: Message): string {
  return JSON.stringify(toJson(schema, message, { useProtoFieldName: true }));
}

export function writeError(error: unknown): string {
  if (isCriError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
