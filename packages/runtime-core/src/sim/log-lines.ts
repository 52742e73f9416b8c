import { formatLogLine } from "@keelson/cri-api/logs";
import type { ScriptLine } from "./script.ts";

/** conmon's read buffer: longer lines are written in parts. */
const partBytes = 8192;

/** A line of a script as a runtime writes it into a log file: a line for each line feed, in parts where it is long. */
export function scriptLogLines(line: ScriptLine, timeNs: bigint): readonly string[] {
  const texts = line.text.split("\n");
  // a line feed at the end ends the line and begins none
  if (texts.length > 1 && texts.at(-1) === "") texts.pop();
  const stream = line.stream ?? "stdout";
  return texts.flatMap((text) => {
    const parts = cutBytes(text, partBytes);
    return parts.map((part, at) => formatLogLine({ timeNs, stream, partial: at < parts.length - 1, text: part }));
  });
}

/** Pieces of at most `max` bytes of UTF-8, cut between characters; one empty piece for an empty text. */
function cutBytes(text: string, max: number): readonly string[] {
  // no character of UTF-16 makes more than three bytes
  if (text.length * 3 <= max) return [text];
  const pieces: string[] = [];
  let piece = "";
  let size = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    const bytes = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (size + bytes > max) {
      pieces.push(piece);
      piece = "";
      size = 0;
    }
    piece += character;
    size += bytes;
  }
  pieces.push(piece);
  return pieces;
}
