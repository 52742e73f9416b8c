import { readSync, writeSync } from "node:fs";

// Messages between the daemon and its fetcher and appliers: a length of four bytes, then JSON.

/** The longest message, without its length. */
export const maxFrameBytes: number = 32 * 1024 * 1024;

const headBytes = 4;

export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message), "utf8");
  if (body.length > maxFrameBytes) throw new Error(`a message has ${body.length} bytes, want at most ${maxFrameBytes}`);
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}

/** Puts messages together from pieces of any size. */
export class FrameDecoder {
  #pieces: Buffer[] = [];
  #bytes = 0;

  /** Takes the next bytes; answers the messages that they complete. @throws for what is no message */
  push(piece: Buffer): unknown[] {
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    const messages: unknown[] = [];
    for (;;) {
      if (this.#bytes < headBytes) return messages;
      const length = checkLength(this.#joined(headBytes).readUInt32BE(0));
      if (this.#bytes < headBytes + length) return messages;
      const joined = this.#joined(headBytes + length);
      messages.push(parse(joined.subarray(headBytes, headBytes + length)));
      this.#pieces = [joined.subarray(headBytes + length)];
      this.#bytes -= headBytes + length;
    }
  }

  /** The first piece, made to have at least so many bytes. */
  #joined(bytes: number): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && first.length >= bytes) return first;
    const joined = Buffer.concat(this.#pieces);
    this.#pieces = [joined];
    return joined;
  }
}

/** Waits for the next message; undefined at the end. For a process that does one thing at a time. */
export function readFrameSync(fd: number): unknown {
  const head = Buffer.alloc(headBytes);
  if (!readFullySync(fd, head)) return undefined;
  const body = Buffer.alloc(checkLength(head.readUInt32BE(0)));
  if (!readFullySync(fd, body)) throw new Error("the messages end within one");
  return parse(body);
}

export function writeFrameSync(fd: number, message: unknown): void {
  const frame = encodeFrame(message);
  for (let at = 0; at < frame.length; ) at += writeSync(fd, frame, at);
}

/** Fills the buffer; false when there was nothing more to read at all. @throws when it ends within */
export function readFullySync(fd: number, into: Buffer): boolean {
  for (let at = 0; at < into.length; ) {
    const got = readSync(fd, into, at, into.length - at, null);
    if (got === 0 && at === 0) return false;
    if (got === 0) throw new Error("the bytes end too early");
    at += got;
  }
  return true;
}

function checkLength(length: number): number {
  if (length <= maxFrameBytes) return length;
  throw new Error(`a message claims ${length} bytes, want at most ${maxFrameBytes}`);
}

function parse(body: Buffer): unknown {
  return JSON.parse(body.toString("utf8"));
}
