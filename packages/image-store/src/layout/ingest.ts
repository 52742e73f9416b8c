import { constants } from "node:fs";
import { type FileHandle, open, rename, rm } from "node:fs/promises";
import type { BlobSink } from "../registry/fetch-blob.ts";
import { storeError } from "./store-error.ts";

const chunkSize = 256 * 1024;

export interface IngestPlace {
  readonly path: string;
  /** Where the blob belongs. */
  readonly target: string;
  readonly onClose: () => void;
}

/**
 * A blob in the making: a file that grows at its end. It becomes a blob by {@link commit}, which only the one may call
 * who has seen the digest verified; without it the bytes wait for the next try.
 */
export class Ingest implements BlobSink, AsyncDisposable {
  readonly #file: FileHandle;
  readonly #place: IngestPlace;
  #size: number;
  #closing: Promise<void> | undefined;

  private constructor(file: FileHandle, place: IngestPlace, size: number) {
    this.#file = file;
    this.#place = place;
    this.#size = size;
  }

  static async open(place: IngestPlace): Promise<Ingest> {
    try {
      const flags = constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);
      const file = await open(place.path, flags, 0o600);
      return new Ingest(file, place, (await file.stat()).size);
    } catch (cause) {
      throw storeError("open partial blob", place.path, cause);
    }
  }

  get size(): number {
    return this.#size;
  }

  async *read(): AsyncGenerator<Uint8Array> {
    const size = this.#size;
    for (let at = 0; at < size; ) {
      const { bytesRead, buffer } = await this.#file.read(
        Buffer.alloc(chunkSize),
        0,
        Math.min(chunkSize, size - at),
        at,
      );
      if (bytesRead === 0) throw storeError("read partial blob", this.#place.path, new Error("it became shorter"));
      at += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < chunk.byteLength; ) {
        const { bytesWritten } = await this.#file.write(chunk, done, chunk.byteLength - done, this.#size);
        done += bytesWritten;
        this.#size += bytesWritten;
      }
    } catch (cause) {
      throw storeError("write partial blob", this.#place.path, cause);
    }
  }

  async reset(): Promise<void> {
    try {
      await this.#file.truncate(0);
      this.#size = 0;
    } catch (cause) {
      throw storeError("reset partial blob", this.#place.path, cause);
    }
  }

  /** Makes the bytes durable and moves them to their place. */
  async commit(): Promise<void> {
    try {
      await this.#file.sync();
      await rename(this.#place.path, this.#place.target);
    } catch (cause) {
      throw storeError("commit blob", this.#place.target, cause);
    }
  }

  /** Removes the partial bytes: the blob is there already. */
  async abandon(): Promise<void> {
    await rm(this.#place.path, { force: true });
  }

  /** Lets the next one have the place. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#file.close().finally(this.#place.onClose);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
