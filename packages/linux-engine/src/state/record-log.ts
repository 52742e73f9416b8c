import { randomInt } from "node:crypto";
import { type FileHandle, open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { internal, quote } from "@keelson/cri-api/errors";
import { type Change, decodeFrames, encodeFrame } from "./log-frame.ts";

/** The log within its folder. */
export const logName = "records.log";
// magic, the seed of the frames' checksums u32, the bytes that the file began with u32
const magic = "keelson1";
const headerBytes = magic.length + 8;

/**
 * All records, in a file that only grows: it begins with one frame for each, and each change appends one.
 *
 * It is never written over. `writeRecordLog` puts a shorter one in its place, whole and durable, by a rename; so what a loss
 * of power leaves is the old or the new log, with at least what was synced of it, and of the rest a beginning.
 */
export class RecordLog {
  readonly #file: FileHandle;
  readonly #seed: number;
  #sizeBytes: number;
  #hasFailed = false;
  /** What it began with. */
  readonly startBytes: number;

  constructor(file: FileHandle, seed: number, startBytes: number) {
    this.#file = file;
    this.#seed = seed;
    this.startBytes = startBytes;
    this.#sizeBytes = startBytes;
  }

  get appendedBytes(): number {
    return this.#sizeBytes - this.startBytes;
  }

  /**
   * Its content is not known any more: Linux reports a failed write-back once and then takes the lost pages for clean.
   * Only another log helps.
   */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Resolved when all changes are with the kernel; rejected when none is in the log. One call at a time. */
  async append(changes: readonly Change[]): Promise<void> {
    const frames = Buffer.concat(changes.map((change) => encodeFrame(this.#seed, change)));
    try {
      await this.#file.appendFile(frames);
    } catch (error) {
      // half a frame would hide all that follow it
      await this.#file.truncate(this.#sizeBytes).catch(() => {
        this.#hasFailed = true;
      });
      throw error;
    }
    this.#sizeBytes += frames.length;
  }

  /** Resolved when everything appended before the call is durable. */
  async sync(): Promise<void> {
    if (this.#hasFailed) throw new Error("an earlier sync of the records has failed");
    try {
      await this.#file.datasync();
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  /** Waits for what is under way. */
  close(): Promise<void> {
    return this.#file.close();
  }
}

/**
 * What the log of `folder` says; nothing when there is none.
 * @throws INTERNAL when it is none of ours, or less than what was durable before it got its name
 */
export async function readRecordLog(folder: string): Promise<Map<string, Uint8Array>> {
  const path = join(folder, logName);
  const records = new Map<string, Uint8Array>();
  let log: Buffer;
  try {
    log = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return records;
    throw error;
  }
  if (log.length < headerBytes || log.toString("latin1", 0, magic.length) !== magic) throw unreadable(path);
  const startBytes = log.readUInt32LE(magic.length + 4);
  let at = headerBytes;
  for (const { key, value, sizeBytes } of decodeFrames(log.readUInt32LE(magic.length), log.subarray(headerBytes))) {
    at += sizeBytes;
    if (value === undefined) records.delete(key);
    else records.set(key, new Uint8Array(value));
  }
  if (at < startBytes) throw unreadable(path);
  return records;
}

/**
 * Puts a log of these records, and nothing else, in the place of the one in `folder`. All of it is durable. When it fails,
 * either of them may have the name: what is appended to the old one could be lost.
 */
export async function writeRecordLog(folder: string, records: ReadonlyMap<string, Uint8Array>): Promise<RecordLog> {
  const made = join(folder, `${logName}.new`);
  await rm(made, { force: true });
  const seed = randomInt(2 ** 32);
  const file = await open(made, "ax", 0o600);
  try {
    const header = Buffer.alloc(headerBytes);
    header.write(magic, "latin1");
    header.writeUInt32LE(seed, magic.length);
    const frames = [...records].map(([key, value]) => encodeFrame(seed, { key, value }));
    const startBytes = frames.reduce((sum, frame) => sum + frame.length, headerBytes);
    header.writeUInt32LE(startBytes, magic.length + 4);
    await file.writeFile(Buffer.concat([header, ...frames]));
    await file.datasync();
    await rename(made, join(folder, logName));
    await flushFolder(folder);
    return new RecordLog(file, seed, startBytes);
  } catch (error) {
    await file.close();
    await rm(made, { force: true });
    throw error;
  }
}

/** Makes the names in a folder durable. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function unreadable(path: string): Error {
  return internal(`read records: ${quote(path)} is no log of records, or was damaged`, {
    hint: "check the disk; a copy of the folder from before helps, or its removal with all pods of this node",
  });
}
