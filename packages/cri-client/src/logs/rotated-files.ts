import type { BigIntStats } from "node:fs";
import { lstat, readdir, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { errorCode } from "./read-failure.ts";

/**
 * The files that the log was rotated to between two others, oldest first: those beside it whose name is the log's with a
 * suffix, last written after `from` and not after `to`. Compressed ones and those that are being written
 * (`.gz`, `.tmp`) are left out.
 */
export async function rotatedBetween(path: string, from: BigIntStats, to: BigIntStats): Promise<readonly string[]> {
  const real = await realpath(path).catch(() => path);
  const [folder, prefix] = [dirname(real), `${basename(real)}.`];
  const names = (await readdir(folder)).filter((name) => name.startsWith(prefix) && !/\.(gz|tmp)$/.test(name));
  const found: { readonly file: string; readonly stats: BigIntStats }[] = [];
  for (const name of names) {
    const file = join(folder, name);
    const stats = await lstatIfThere(file);
    if (stats === undefined || !stats.isFile() || isSameFile(stats, from) || isSameFile(stats, to)) continue;
    if (stats.mtimeNs > from.mtimeNs && stats.mtimeNs <= to.mtimeNs) found.push({ file, stats });
  }
  found.sort((a, b) => Number(a.stats.mtimeNs - b.stats.mtimeNs) || (a.file < b.file ? -1 : 1));
  return found.map(({ file }) => file);
}

export function isSameFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

async function lstatIfThere(file: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(file, { bigint: true });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
