import type { BigIntStats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "./read-failure.ts";

/**
 * The files that a log was rotated to, in no order: those beside it whose name is the log's with a suffix, but
 * compressed ones and those that are being made (`.gz`, `.tmp`). None where the folder may not be listed.
 */
export async function listRotated(log: string): Promise<ReadonlyMap<string, BigIntStats>> {
  const [folder, prefix] = [dirname(log), `${basename(log)}.`];
  const found = new Map<string, BigIntStats>();
  for (const name of (await ifThere(readdir(folder), "EACCES")) ?? []) {
    if (!name.startsWith(prefix) || /\.(gz|tmp)$/.test(name)) continue;
    const file = join(folder, name);
    const stats = await ifThere(lstat(file, { bigint: true }), "EACCES");
    if (stats?.isFile()) found.set(file, stats);
  }
  return found;
}

/** Whether two are one file. Only where one of them is open: else the number may have gone to another file since. */
export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

/** Tells a file also from one that got its number after it was removed: by when it was made, or last written. */
export function fileKey({ dev, ino, birthtimeNs, mtimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${birthtimeNs > 0n ? birthtimeNs : mtimeNs}`;
}

/** Undefined where there is no such file, and where the system says one of `codes`. */
export async function ifThere<T>(found: Promise<T>, ...codes: readonly string[]): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT" || (code !== undefined && codes.includes(code))) return undefined;
    throw error;
  }
}
