import { type LogStream, maxLogHeadBytes, parseLogLineBytes } from "@keelson/cri-api/logs";
import { ByteBuffer } from "./byte-buffer.ts";

/** What one line of the file holds, or a part of it where it is longer than the limit. */
export interface Piece {
  readonly timeNs: bigint;
  readonly stream: LogStream;
  /** What the container wrote goes on in the next piece of the stream. */
  readonly partial: boolean;
  readonly bytes: Uint8Array;
  /** Where its line begins in the file. */
  readonly offset: number;
}

export interface MalformedLine {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly sample: Uint8Array;
}

export type Split = { readonly piece: Piece } | { readonly malformed: MalformedLine };

type Head = Omit<Piece, "bytes">;

const lineFeed = 10;

/**
 * Cuts a file's bytes into lines and reads them. Holds at most `maxBytes` and a head: what is longer is handed out in
 * pieces, and of a long line that is in no format only its beginning is kept.
 */
export class LineSplitter {
  readonly #maxBytes: number;
  readonly #rest = new ByteBuffer();
  /** Where in the file the line begins that is being read. */
  #offset: number;
  #lineBytes = 0;
  /** Of a line whose beginning has been handed out. */
  #head: Head | undefined;
  /** The beginning of a line that is known to be malformed and whose end has not come. */
  #sample: Uint8Array | undefined;
  #out: Split[] = [];

  constructor(maxBytes: number, offset = 0) {
    this.#maxBytes = maxBytes;
    this.#offset = offset;
  }

  /** Takes the next bytes of the file; they may be overwritten afterwards. */
  push(chunk: Uint8Array): readonly Split[] {
    let from = 0;
    for (let feed = chunk.indexOf(lineFeed); feed >= 0; feed = chunk.indexOf(lineFeed, from)) {
      this.#endLine(chunk.subarray(from, feed), false);
      this.#offset += 1;
      from = feed + 1;
    }
    this.#hold(chunk.subarray(from));
    return this.#taken();
  }

  /**
   * Ends a line that has no line feed: with `open` it may be going on, so that it is handed out as partial.
   * @param next where in its file the next byte stands
   */
  end({ open, next }: { open: boolean; next: number }): readonly Split[] {
    if (this.#lineBytes > 0) this.#endLine(new Uint8Array(0), open);
    this.#offset = next;
    return this.#taken();
  }

  #taken(): readonly Split[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  #endLine(bytes: Uint8Array, open: boolean): void {
    this.#lineBytes += bytes.length;
    if (this.#sample !== undefined) this.#malformed(this.#sample);
    else this.#readLine(this.#joined(bytes), open);
    this.#offset += this.#lineBytes;
    this.#lineBytes = 0;
    this.#head = undefined;
    this.#sample = undefined;
  }

  #joined(bytes: Uint8Array): Uint8Array {
    if (this.#rest.length === 0) return bytes;
    this.#rest.append(bytes);
    return this.#rest.take();
  }

  #readLine(line: Uint8Array, open: boolean): void {
    if (this.#head !== undefined) {
      // all of it has been handed out, and whether it goes on is not known
      if (!open || line.length > 0) this.#emit(this.#head, line, open);
      return;
    }
    const entry = parseLogLineBytes(line);
    if (entry === undefined) this.#malformed(line);
    else this.#emit({ ...entry, offset: this.#offset }, entry.bytes, open);
  }

  #hold(bytes: Uint8Array): void {
    this.#lineBytes += bytes.length;
    if (this.#sample !== undefined || bytes.length === 0) return;
    this.#rest.append(bytes);
    if (this.#rest.length <= this.#maxBytes + maxLogHeadBytes) return;
    const line = this.#rest.take();
    const entry = this.#head === undefined ? parseLogLineBytes(line) : { ...this.#head, bytes: line };
    if (entry === undefined) {
      this.#sample = sampleOf(line);
      return;
    }
    this.#head ??= { timeNs: entry.timeNs, stream: entry.stream, partial: entry.partial, offset: this.#offset };
    this.#emit(this.#head, entry.bytes, true);
  }

  #emit({ timeNs, stream, partial, offset }: Head, bytes: Uint8Array, open: boolean): void {
    let from = 0;
    do {
      const to = Math.min(from + this.#maxBytes, bytes.length);
      const goesOn = to < bytes.length || open || partial;
      // a copy: the bytes are a view of what is read into again
      const piece = { timeNs, stream, partial: goesOn, bytes: new Uint8Array(bytes.subarray(from, to)), offset };
      this.#out.push({ piece });
      from = to;
    } while (from < bytes.length);
  }

  #malformed(line: Uint8Array): void {
    const malformed = { offset: this.#offset, lengthBytes: this.#lineBytes, sample: sampleOf(line) };
    this.#out.push({ malformed });
  }
}

function sampleOf(line: Uint8Array): Uint8Array {
  return new Uint8Array(line.subarray(0, 256));
}
