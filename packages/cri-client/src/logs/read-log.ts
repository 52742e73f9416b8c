import { notFound, quote } from "@keelson/cri-api/errors";
import type { LogStream } from "@keelson/cri-api/logs";
import { findTail } from "./find-tail.ts";
import { PartJoiner } from "./join-parts.ts";
import type { LogEvent } from "./log-event.ts";
import { LogFiles } from "./log-files.ts";
import type { LogLine } from "./log-line.ts";
import type { OpenLog } from "./open-log.ts";
import { readFailure } from "./read-failure.ts";
import { LineSplitter, type MalformedLine, type Split } from "./split-lines.ts";
import type { Wake } from "./wake.ts";

export interface ReadOptions {
  readonly path: string;
  /** False: what is there now, and a file that is not there is an error. */
  readonly follow: boolean;
  readonly tail: number | undefined;
  readonly sinceNs: bigint | undefined;
  readonly streams: ReadonlySet<LogStream>;
  readonly joinParts: boolean;
  readonly maxLineBytes: number;
  readonly pollMs: number;
  readonly tell: (event: LogEvent) => void;
}

/** How a reader is told from outside what to do. */
export interface ReadControl {
  /** "ending": read what is there, then end. "stopped": end at once. */
  state: "following" | "ending" | "stopped";
  readonly wake: Wake;
}

const bufferBytes = 64 * 1024;

/**
 * A runtime opens the new file before the last of its writers has left the old one (containerd): that one is read until
 * nothing has come for so long.
 */
const settleMs = 300;

/** Reads a log's lines, from one file to the next, until it is told to end. */
export async function* readLog(options: ReadOptions, control: ReadControl): AsyncGenerator<LogLine, void, undefined> {
  const { path, follow, pollMs, tell } = options;
  const { wake } = control;
  const files = new LogFiles({ path, pollMs, tell, changed: () => wake.notify() });
  const reading = new Reading(options);
  const buffer = new Uint8Array(bufferBytes);
  let sealed = false;
  try {
    if (follow) files.follow();
    await files.scan();
    if (files.current !== undefined) await reading.skipToTail(files.current);
    while (control.state !== "stopped") {
      const seen = wake.count;
      if (control.state === "ending" && !sealed) {
        await files.seal();
        sealed = true;
      }
      const log = files.current;
      const settled = sealed || hasSettled(files.next);
      const length = log === undefined ? 0 : await log.read(buffer);
      if (length > 0) {
        for (const line of reading.lines(buffer.subarray(0, length))) yield line;
      } else if (log !== undefined && (await log.restartIfTruncated())) {
        tell({ type: "truncated", path });
        yield* reading.restart();
      } else if (files.next !== undefined) {
        if (settled) {
          yield* reading.endFile();
          await files.advance();
          tell({ type: "rotated", path });
        } else await wake.wait(seen, settleMs);
      } else {
        if (!sealed) await files.scan();
        if (files.next !== undefined || files.current !== log) continue;
        if (files.failure !== undefined) throw files.failure;
        if (sealed) break;
        await wake.wait(seen, pollMs);
      }
    }
    if (control.state === "stopped") return;
    if (files.current === undefined && !follow) {
      throw notFound(`read log ${quote(path)}: it is not there`, { hint: "a container that never started has no log" });
    }
    yield* reading.end();
  } catch (error) {
    throw readFailure(path, error);
  } finally {
    await files.close();
  }
}

function hasSettled(next: OpenLog | undefined): boolean {
  return next !== undefined && performance.now() - next.foundAtMs >= settleMs;
}

/** From bytes to lines: what is held between one read and the next. */
class Reading {
  readonly #options: ReadOptions;
  readonly #joiner: PartJoiner;
  #splitter: LineSplitter;
  /** Of the first file, where each stream's last lines begin. */
  #starts: ReadonlyMap<LogStream, number> = new Map();
  #malformed = 0;

  constructor(options: ReadOptions) {
    const { joinParts: join, maxLineBytes: maxBytes, streams, sinceNs } = options;
    this.#options = options;
    this.#joiner = new PartJoiner({ join, maxBytes, streams, sinceNs });
    this.#splitter = new LineSplitter(maxBytes);
  }

  async skipToTail(log: OpenLog): Promise<void> {
    const { tail: lines, streams, maxLineBytes } = this.#options;
    if (lines === undefined) return;
    const { offset, starts } = await findTail(log.file, {
      sizeBytes: await log.sizeBytes(),
      lines,
      streams,
      maxLineBytes,
    });
    log.position = offset;
    this.#starts = starts;
    this.#splitter = new LineSplitter(maxLineBytes, offset);
  }

  *lines(chunk: Uint8Array): Generator<LogLine> {
    yield* this.#read(this.#splitter.push(chunk));
  }

  /** A file that nobody writes to any more: what has no line feed has none to come, parts may go on in the next file. */
  *endFile(): Generator<LogLine> {
    yield* this.#read(this.#splitter.end({ open: false, next: 0 }));
    this.#starts = new Map();
  }

  /** The file begins anew, and what was open is not going on in it. */
  *restart(): Generator<LogLine> {
    yield* this.end();
    this.#starts = new Map();
  }

  *end(): Generator<LogLine> {
    yield* this.#read(this.#splitter.end({ open: true, next: 0 }));
    yield* this.#joiner.end();
  }

  *#read(found: readonly Split[]): Generator<LogLine> {
    for (const one of found) {
      if ("malformed" in one) this.#tellMalformed(one.malformed);
      else if (one.piece.offset >= (this.#starts.get(one.piece.stream) ?? 0)) yield* this.#joiner.add(one.piece);
    }
  }

  #tellMalformed(line: MalformedLine): void {
    this.#malformed++;
    this.#options.tell({ type: "malformed", path: this.#options.path, ...line, count: this.#malformed });
  }
}
