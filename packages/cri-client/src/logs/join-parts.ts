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
}

/** Puts the parts of each stream's lines together again. Holds at most `maxBytes` for each stream. */
export class PartJoiner {
  readonly #options: JoinOptions;
  readonly #open = new Map<LogStream, OpenLine>();
  readonly #parts: Readonly<Record<LogStream, ByteBuffer>> = { stdout: new ByteBuffer(), stderr: new ByteBuffer() };

  constructor(options: JoinOptions) {
    this.#options = options;
  }

  add(piece: Piece): readonly LogLine[] {
    const { join, maxBytes } = this.#options;
    const open = this.#open.get(piece.stream);
    // a line of one piece is the most frequent kind
    if (open === undefined && !piece.partial) return this.#skips(piece) ? [] : [createLogLine(piece)];
    const line = open ?? { timeNs: piece.timeNs, skipped: this.#skips(piece) };
    if (!piece.partial) this.#open.delete(piece.stream);
    else if (open === undefined) this.#open.set(piece.stream, line);
    if (line.skipped) return [];
    if (!join) return [createLogLine(piece)];
    const lines: LogLine[] = [];
    const parts = this.#parts[piece.stream];
    if (parts.length > 0 && parts.length + piece.bytes.length > maxBytes) {
      lines.push(this.#joined(piece.stream, line, true));
    }
    parts.append(piece.bytes);
    if (!piece.partial) lines.push(this.#joined(piece.stream, line, false));
    return lines;
  }

  /** Hands out what has no end yet, as partial. */
  end(): readonly LogLine[] {
    const lines = [...this.#open].filter(([stream]) => this.#parts[stream].length > 0);
    this.#open.clear();
    return lines.map(([stream, line]) => this.#joined(stream, line, true));
  }

  #joined(stream: LogStream, { timeNs }: OpenLine, partial: boolean): LogLine {
    return createLogLine({ timeNs, stream, partial, bytes: new Uint8Array(this.#parts[stream].take()) });
  }

  #skips({ stream, timeNs }: Piece): boolean {
    const { streams, sinceNs } = this.#options;
    return !streams.has(stream) || (sinceNs !== undefined && timeNs < sinceNs);
  }
}
