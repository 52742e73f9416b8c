import { type DescMessage, type Message, toJson } from "@bufbuild/protobuf";
import { isCriError } from "@keelson/cri-api/errors";

/** What was asked and answered in a case, a line each. */
export class Transcript {
  readonly #lines: string[] = [];
  readonly #began: number = performance.now();

  add(line: string): void {
    const ms = (performance.now() - this.#began).toFixed(0).padStart(6);
    this.#lines.push(`${ms} ms  ${line.length > 600 ? `${line.slice(0, 600)}…` : line}`);
  }

  lines(): readonly string[] {
    return [...this.#lines];
  }
}

export function writeMessage(schema: DescMessage, message: Message): string {
  return JSON.stringify(toJson(schema, message, { useProtoFieldName: true }));
}

export function writeError(error: unknown): string {
  if (isCriError(error)) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
