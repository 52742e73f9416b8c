import type { FileHandle } from "node:fs/promises";
import { type LogStream, maxLogHeadBytes, parseLogLineBytes } from "@keelson/cri-api/logs";

export interface TailOptions {
  readonly sizeBytes: number;
  /** How many lines, each with all of its parts. */
  readonly lines: number;
  readonly streams: ReadonlySet<LogStream>;
  /** How far before the last lines the beginning of one in parts is looked for. */
  readonly maxLineBytes: number;
}

/** Where the last lines begin: of each stream what stands before its place is left out. */
export interface Tail {
  readonly offset: number;
  readonly starts: ReadonlyMap<LogStream, number>;
}

const blockBytes = 64 * 1024;
const lineFeed = 10;

/**
 * Looks from the end of a file backwards for its last lines, block by block. A line in parts is one line, and its parts
 * may have lines of the other stream between them; lines that are not in the format don't count.
 */
export async function findTail(file: FileHandle, options: TailOptions): Promise<Tail> {
  const { sizeBytes, lines, streams, maxLineBytes } = options;
  const starts = new Map<LogStream, number>();
  const complete = new Set<LogStream>();
  let found = 0;
  const range = { floor: lines === 0 ? sizeBytes - maxLineBytes : 0 };
  for await (const { offset, head, ended } of linesBackwards(file, sizeBytes, range)) {
    if (complete.size === streams.size || offset < range.floor) break;
    const entry = parseLogLineBytes(head);
    if (entry === undefined || !streams.has(entry.stream) || complete.has(entry.stream)) continue;
    if (entry.partial) {
      starts.set(entry.stream, offset);
    } else if (found < lines || !ended) {
      starts.set(entry.stream, offset);
      found++;
      if (found === lines) range.floor = offset - maxLineBytes;
    } else {
      // the end of an earlier line: what has been seen of this stream since is all of what is wanted
      complete.add(entry.stream);
    }
  }
  for (const stream of streams) if (!starts.has(stream)) starts.set(stream, sizeBytes);
  return { offset: Math.min(...starts.values()), starts };
}

interface LineStart {
  readonly offset: number;
  /** The line, or its beginning. */
  readonly head: Uint8Array;
  /** False for a last line without a line feed. */
  readonly ended: boolean;
}

/** Down to `floor`, which may be raised meanwhile: a line without an end may lie below. */
async function* linesBackwards(
  file: FileHandle,
  sizeBytes: number,
  range: { readonly floor: number },
): AsyncGenerator<LineStart> {
  // the beginning of what follows the block: a line's head may reach into it
  let following: Uint8Array = new Uint8Array(0);
  let ended = false;
  for (let end = sizeBytes; end > Math.max(0, range.floor); ) {
    const length = Math.min(blockBytes, end);
    const start = end - length;
    const block = await readBlock(file, start, length);
    const window = concat(block, following);
    for (
      let feed = block.lastIndexOf(lineFeed);
      feed >= 0;
      feed = feed === 0 ? -1 : block.lastIndexOf(lineFeed, feed - 1)
    ) {
      const offset = start + feed + 1;
      if (offset < sizeBytes) yield { offset, head: headAt(window, feed + 1), ended };
      ended = true;
    }
    if (start === 0) yield { offset: 0, head: headAt(window, 0), ended };
    following = window.slice(0, maxLogHeadBytes);
    end = start;
  }
}

function headAt(window: Uint8Array, from: number): Uint8Array {
  const longest = window.subarray(from, from + maxLogHeadBytes);
  const feed = longest.indexOf(lineFeed);
  return feed < 0 ? longest : longest.subarray(0, feed);
}

/** What a file that became shorter meanwhile no longer has is zeros, which are no line. */
async function readBlock(file: FileHandle, position: number, length: number): Promise<Uint8Array> {
  const block = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(block, at, length - at, position + at);
    if (bytesRead === 0) break;
    at += bytesRead;
  }
  return block;
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
