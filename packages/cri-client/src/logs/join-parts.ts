import type { LogStream } from "@keelson/cri-api/logs";
import { ByteBuffer } from "./byte-buffer.ts";
import { createLogLine, type LogLine } from "./log-line.ts";
import type { Piece } from "./split-lines.ts";

export interface JoinOptions {
  /** False: each piece as it comes. */
  readonly join: boolean;
  /** What is longer is handed out in parts. */
  readonly maxBytes: number;
  readonly streams: ReadonlySet<LogStream>;
  /** Lines that began before are left out, whole. */
  readonly sinceNs: bigint | undefined;
}

interface OpenLine {
  readonly timeNs: bigint;
  readonly skipped: boolean;
  readonly bytes: ByteBuffer;
}

/** Puts the parts of each stream's lines together again. Holds at most `maxBytes` for each stream. */
export class PartJoiner {
  readonly #options: JoinOptions;
  readonly #open = new Map<LogStream, OpenLine>();

  constructor(options: JoinOptions) {
    this.#options = options;
  }

  add(piece: Piece): readonly LogLine[] {
    const { join, maxBytes } = this.#options;
    const open = this.#open.get(piece.stream);
    const line = open ?? this.#begin(piece);
    if (!piece.partial) this.#open.delete(piece.stream);
    else if (open === undefined) this.#open.set(piece.stream, line);
    if (line.skipped) return [];
    // a line of one piece, the most frequent kind, is not copied once more
    if (!join || (!piece.partial && line.bytes.length === 0)) {
      return [createLogLine(join ? { ...piece, timeNs: line.timeNs } : piece)];
    }
    const lines: LogLine[] = [];
    if (line.bytes.length > 0 && line.bytes.length + piece.bytes.length > maxBytes) {
      lines.push(take(piece.stream, line, true));
    }
    line.bytes.append(piece.bytes);
    if (!piece.partial) lines.push(take(piece.stream, line, false));
    return lines;
  }

  /** Hands out what has no end yet, as partial. */
  end(): readonly LogLine[] {
    const lines = [...this.#open].filter(([, line]) => line.bytes.length > 0);
    this.#open.clear();
    return lines.map(([stream, line]) => take(stream, line, true));
  }

  #begin({ stream, timeNs }: Piece): OpenLine {
    const { streams, sinceNs } = this.#options;
    const skipped = !streams.has(stream) || (sinceNs !== undefined && timeNs < sinceNs);
    return { timeNs, skipped, bytes: new ByteBuffer() };
  }
}

function take(stream: LogStream, { timeNs, bytes }: OpenLine, partial: boolean): LogLine {
  return createLogLine({ timeNs, stream, partial, bytes: bytes.take() });
}
