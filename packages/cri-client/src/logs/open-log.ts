import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { notRegular } from "./read-failure.ts";

/** A file of the log that is open, and how far it has been read. */
export class OpenLog {
  readonly file: FileHandle;
  /** As they were when it was opened. */
  readonly stats: BigIntStats;
  /** When it was found that it follows another one, by performance.now(). */
  readonly foundAtMs: number = performance.now();
  /** Where the next byte is read. */
  position = 0;
  /** Nothing is read from here on; set when following ends. */
  limit: number = Number.POSITIVE_INFINITY;

  constructor(file: FileHandle, stats: BigIntStats) {
    this.file = file;
    this.stats = stats;
  }

  /** Reads on; 0 at the end. */
  async read(buffer: Uint8Array): Promise<number> {
    const length = Math.min(buffer.length, this.limit - this.position);
    if (length <= 0) return 0;
    const { bytesRead } = await this.file.read(buffer, 0, length, this.position);
    this.position += bytesRead;
    return bytesRead;
  }

  async sizeBytes(): Promise<number> {
    return (await this.file.stat()).size;
  }

  /** True when the file is shorter than what has been read of it; it is read from its start again. */
  async restartIfTruncated(): Promise<boolean> {
    if ((await this.sizeBytes()) >= this.position) return false;
    this.position = 0;
    return true;
  }
}

/**
 * Opens a log, without waiting for anybody where it is a FIFO.
 * @throws the system's error; FAILED_PRECONDITION for what is no regular file
 */
export async function openLog(path: string): Promise<OpenLog> {
  // both: Deno leaves O_NONBLOCK out
  if (!(await stat(path)).isFile()) throw notRegular(path);
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = await file.stat({ bigint: true });
    if (!stats.isFile()) throw notRegular(path);
    return new OpenLog(file, stats);
  } catch (error) {
    await file.close();
    throw error;
  }
}
