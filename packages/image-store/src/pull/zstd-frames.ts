/**
 * Cuts a zstd stream at its frames' ends, without decoding it (RFC 8878, section 3.1). `node:zlib` ends with the first
 * frame of a write and drops the rest in silence, while layers of many frames are common (zstd:chunked has one per
 * file): so each piece holds bytes of one frame only. Skippable frames are left out; they hold no content.
 * @throws Error with a code that begins with `ZSTD_` for what is no whole frame
 */
export async function* splitZstdFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const cursor = new FrameCursor();
  for await (const chunk of chunks) {
    // where the bytes begin that belong to the frame being read and have not been handed on
    let start = 0;
    for (let at = 0; at < chunk.byteLength; ) {
      const before = cursor.isInFrame;
      at = cursor.advance(chunk, at);
      if (!before && cursor.isInFrame) {
        yield Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd);
        start = at;
      } else if (before && !cursor.isInFrame) {
        yield chunk.subarray(start, at);
      }
    }
    if (cursor.isInFrame && start < chunk.byteLength) yield chunk.subarray(start);
  }
  if (!cursor.isBetweenFrames) throw frameError("ends within a frame");
}

const frameMagic = 0xfd2fb528;
const skippableMagic = 0x184d2a50;
const dictionaryIdSizes = [0, 1, 2, 4];
const runBlock = 1;
const reservedBlock = 3;

type Stage = "magic" | "skip-size" | "skip" | "descriptor" | "header" | "block" | "payload" | "checksum";

/** Where in the frame format a stream stands. */
class FrameCursor {
  #stage: Stage = "magic";
  #left = 4;
  /** The current stage's bytes as a little-endian number, as far as they have come. */
  #value = 0;
  #shift = 0;
  #isLastBlock = false;
  #hasChecksum = false;

  get isInFrame(): boolean {
    return this.#stage !== "magic" && this.#stage !== "skip-size" && this.#stage !== "skip";
  }

  get isBetweenFrames(): boolean {
    return this.#stage === "magic" && this.#left === 4;
  }

  /** Consumes bytes of one stage at most; returns where it stopped. */
  advance(chunk: Uint8Array, at: number): number {
    const end = Math.min(chunk.byteLength, at + this.#left);
    if (this.#stage !== "payload" && this.#stage !== "skip" && this.#stage !== "header") {
      for (let i = at; i < end; i++) this.#collect(chunk[i] ?? 0);
    }
    this.#left -= end - at;
    if (this.#left === 0) this.#next();
    return end;
  }

  #collect(byte: number): void {
    this.#value += byte * 2 ** this.#shift;
    this.#shift += 8;
  }

  #enter(stage: Stage, length: number): void {
    this.#stage = stage;
    this.#left = length;
    this.#value = 0;
    this.#shift = 0;
    // a stage without bytes is over at once
    if (length === 0) this.#next();
  }

  #next(): void {
    const value = this.#value;
    if (this.#stage === "magic") this.#afterMagic(value);
    else if (this.#stage === "skip-size") this.#enter("skip", value);
    else if (this.#stage === "descriptor") this.#afterDescriptor(value);
    else if (this.#stage === "header") this.#enter("block", 3);
    else if (this.#stage === "block") this.#afterBlockHeader(value);
    else if (this.#stage === "payload" && !this.#isLastBlock) this.#enter("block", 3);
    else if (this.#stage === "payload" && this.#hasChecksum) this.#enter("checksum", 4);
    else this.#enter("magic", 4);
  }

  #afterMagic(value: number): void {
    if (value === frameMagic) this.#enter("descriptor", 1);
    else if (value - (value % 16) === skippableMagic) this.#enter("skip-size", 4);
    else throw frameError("holds something that is no frame");
  }

  #afterDescriptor(value: number): void {
    if ((value & 8) !== 0) throw frameError("has a frame with a reserved bit");
    const isSingleSegment = (value & 32) !== 0;
    const sizeFlag = value >> 6;
    const contentSize = sizeFlag === 0 ? Number(isSingleSegment) : 2 ** sizeFlag;
    this.#hasChecksum = (value & 4) !== 0;
    this.#enter("header", (isSingleSegment ? 0 : 1) + (dictionaryIdSizes[value & 3] ?? 0) + contentSize);
  }

  #afterBlockHeader(value: number): void {
    const type = (value >> 1) & 3;
    if (type === reservedBlock) throw frameError("has a block of a reserved type");
    this.#isLastBlock = (value & 1) !== 0;
    this.#enter("payload", type === runBlock ? 1 : value >> 3);
  }
}

function frameError(why: string): Error {
  return Object.assign(new Error(`the zstd stream ${why}`), { code: "ZSTD_error_frame" });
}
