import { damagedLayer, oversizedLayer, refusedLayer } from "./layer-error.ts";
import { checkGlobalRecords, parsePaxRecords } from "./pax-records.ts";
import { type EntryExtensions, maxPathBytes, type TarEntry, toTarEntry } from "./tar-entry.ts";
import { blockBytes, isZeroBlock, parseTarHeader, type TarHeader, untilNul } from "./tar-header.ts";

/** Fills the start of `into` and answers how many bytes it wrote; 0 at the end. It may block. */
export type ReadBytes = (into: Buffer) => number;

export interface TarLimits {
  /** The bytes of one extended header. */
  readonly paxBytes: number;
  /** Headers in the archive, of all types. */
  readonly headers: number;
}

export const defaultTarLimits: TarLimits = { paxBytes: 1024 * 1024, headers: 4_000_000 };

const bufferBytes = 256 * 1024;

/**
 * Reads a tar archive from front to back, synchronously: {@link TarReader.next} for each entry, then, for a file, its
 * content by {@link TarReader.read} (what is left unread is skipped). Written for layers from strangers: every length
 * is capped before memory is taken for it, there is no recursion, and what readers of tar are known to understand in
 * two ways is refused. An archive without its two closing blocks of zeros is accepted (umoci writes such), a cut one
 * is not.
 */
export class TarReader {
  readonly #source: ReadBytes;
  readonly #limits: TarLimits;
  readonly #buffer: Buffer = Buffer.alloc(bufferBytes);
  #from = 0;
  #to = 0;
  /** Content, then padding, of the current entry that nobody has read yet. */
  #content = 0;
  #padding = 0;
  #headers = 0;
  #ended = false;

  constructor(source: ReadBytes, limits: TarLimits = defaultTarLimits) {
    this.#source = source;
    this.#limits = limits;
  }

  /**
   * The next entry, undefined at the end; then the source has been read to its own end.
   * @throws DATA_LOSS when the archive is damaged or cut, INVALID_ARGUMENT when it breaks a rule, RESOURCE_EXHAUSTED
   *   when it passes a limit
   */
  next(): TarEntry | undefined {
    const extensions: { -readonly [K in keyof EntryExtensions]: EntryExtensions[K] } = {};
    for (;;) {
      this.#skipRest();
      const header = this.#header();
      if (header === undefined) {
        if (Object.keys(extensions).length > 0) throw damagedLayer("the archive ends after an extended header");
        return undefined;
      }
      switch (header.type) {
        case "g":
          checkGlobalRecords(this.#payload(header, this.#limits.paxBytes));
          break;
        case "x":
          if (extensions.pax !== undefined) throw refusedLayer("an entry has two extended headers");
          extensions.pax = parsePaxRecords(this.#payload(header, this.#limits.paxBytes));
          break;
        case "L":
          if (extensions.longName !== undefined) throw refusedLayer("an entry has two long names");
          extensions.longName = this.#longName(header);
          break;
        case "K":
          if (extensions.longLink !== undefined) throw refusedLayer("an entry has two long link names");
          extensions.longLink = this.#longName(header);
          break;
        default: {
          const entry = toTarEntry(header, extensions);
          this.#expect(entry.sizeBytes);
          return entry;
        }
      }
    }
  }

  /** The next piece of the current entry's content, valid until the next call; undefined when there is no more. */
  read(): Buffer | undefined {
    if (this.#content === 0) return undefined;
    if (this.#from === this.#to && !this.#fill()) throw damagedLayer("the archive ends within a file");
    const piece = this.#buffer.subarray(this.#from, Math.min(this.#to, this.#from + this.#content));
    this.#from += piece.length;
    this.#content -= piece.length;
    return piece;
  }

  #header(): TarHeader | undefined {
    if (this.#ended) return undefined;
    const block = this.#block();
    if (block !== undefined && !isZeroBlock(block)) {
      this.#headers++;
      if (this.#headers > this.#limits.headers) throw oversizedLayer(`more than ${this.#limits.headers} entries`);
      return parseTarHeader(block);
    }
    if (block !== undefined) {
      const second = this.#block();
      if (second !== undefined && !isZeroBlock(second)) throw damagedLayer("a block of zeros stands between entries");
    }
    this.#ended = true;
    do this.#from = this.#to;
    while (this.#fill());
    return undefined;
  }

  #expect(sizeBytes: number): void {
    this.#content = sizeBytes;
    this.#padding = (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
  }

  #skipRest(): void {
    while (this.read() !== undefined);
    while (this.#padding > 0) {
      if (this.#from === this.#to && !this.#fill()) throw damagedLayer("the archive ends within a file");
      const skipped = Math.min(this.#to - this.#from, this.#padding);
      this.#from += skipped;
      this.#padding -= skipped;
    }
  }

  #longName(header: TarHeader): Buffer {
    const name = Buffer.from(untilNul(this.#payload(header, maxPathBytes + blockBytes)));
    if (name.length === 0) throw damagedLayer("a long name is empty");
    return name;
  }

  /** The content of a header that speaks of the next one. Its size is its own: no extended header changes it. */
  #payload(header: TarHeader, maxBytes: number): Buffer {
    if (header.size < 0n) throw refusedLayer(`a header of type "${header.type}" has size ${header.size}`);
    if (header.size > BigInt(maxBytes)) {
      throw oversizedLayer(`a header of type "${header.type}" has ${header.size} bytes, want at most ${maxBytes}`);
    }
    this.#expect(Number(header.size));
    const whole = Buffer.alloc(this.#content);
    let at = 0;
    for (let piece = this.read(); piece !== undefined; piece = this.read()) at += piece.copy(whole, at);
    return whole;
  }

  /** A view of the next block, valid until the next read; undefined at the end. */
  #block(): Buffer | undefined {
    while (this.#to - this.#from < blockBytes) {
      const kept = this.#to - this.#from;
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#from = 0;
      this.#to = kept;
      const got = this.#pull(kept);
      if (got > 0) continue;
      if (kept === 0) return undefined;
      throw damagedLayer("the archive ends within a header");
    }
    const block = this.#buffer.subarray(this.#from, this.#from + blockBytes);
    this.#from += blockBytes;
    return block;
  }

  #fill(): boolean {
    this.#from = 0;
    this.#to = 0;
    return this.#pull(0) > 0;
  }

  #pull(at: number): number {
    const got = this.#source(this.#buffer.subarray(at));
    this.#to = at + got;
    return got;
  }
}
