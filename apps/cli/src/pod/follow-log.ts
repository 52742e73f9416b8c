import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type LogStream, parseLogLine } from "@keelson/cri-api/logs";

/** What a container wrote: a line, or a part of one. */
export interface LogChunk {
  readonly stream: LogStream;
  /** The line goes on in the next chunk of the same stream. */
  readonly partial: boolean;
  /** Byte for byte, without the line feed: a part may end in the middle of a character. */
  readonly bytes: Uint8Array;
}

/** The longest line that is kept while its end has not come: most runtimes split lines at 16 KiB. */
const maxLineBytes = 1024 * 1024;

/**
 * Reads a CRI log from its start and goes on as it grows, until `ended` settles and everything before that has been
 * read. Lines that are not in the format are skipped.
 * @throws what opening or reading the file throws, but for a file that is not there yet
 */
export async function* followLog(file: string, ended: Promise<unknown>): AsyncGenerator<LogChunk> {
  let finished = false;
  let wake: () => void = () => {};
  const end = (): void => {
    finished = true;
    wake();
  };
  ended.then(end, end);
  const watcher: FSWatcher = watch(dirname(file), (_, name) => {
    if (name === basename(file)) wake();
  });
  let handle: FileHandle | undefined;
  const buffer = Buffer.alloc(64 * 1024);
  let rest: Buffer = Buffer.alloc(0);
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const last = finished;
      handle ??= await openIfThere(file);
      for (;;) {
        const read = handle === undefined ? 0 : (await handle.read(buffer, 0, buffer.length)).bytesRead;
        if (read === 0) break;
        rest = Buffer.concat([rest, buffer.subarray(0, read)]);
        let from = 0;
        for (let feed = rest.indexOf(10); feed >= 0; feed = rest.indexOf(10, from)) {
          const chunk = readChunk(rest.subarray(from, feed));
          from = feed + 1;
          if (chunk !== undefined) yield chunk;
        }
        rest = rest.length - from > maxLineBytes ? Buffer.alloc(0) : rest.subarray(from);
      }
      if (last) return;
      if (!finished) await woken;
    }
  } finally {
    watcher.close();
    await handle?.close();
  }
}

function readChunk(line: Buffer): LogChunk | undefined {
  // latin1 keeps every byte as a character of its own
  const entry = parseLogLine(line.toString("latin1"));
  if (entry === undefined) return undefined;
  return { stream: entry.stream, partial: entry.partial, bytes: Buffer.from(entry.text, "latin1") };
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
