import type { BigIntStats } from "node:fs";
import { stat } from "node:fs/promises";
import { type OpenLog, openLog } from "./open-log.ts";
import { fileKey, ifThere, isSameFile, listRotated } from "./rotated-files.ts";

export interface SuccessorOptions {
  readonly path: string;
  /** Where the path leads to. */
  readonly real: string;
  /** What lies at the path now, if anything does. */
  readonly opened: OpenLog | undefined;
  /** True for files that are queued, have been read, or were there before. */
  readonly isKnown: (stats: BigIntStats) => boolean;
}

export interface Successors {
  /** In the order in which they were written. */
  readonly logs: readonly OpenLog[];
  /** Rotated files that could not be opened any more. */
  readonly missed: readonly string[];
  /** The path leads to yet another file already. */
  readonly more: boolean;
  /** Keys of all rotated files. */
  readonly present: ReadonlySet<string>;
}

interface Found {
  readonly file: string;
  readonly log: OpenLog;
}

/** The files that took the newest queued one's place: those rotated since, and the one at the path. */
export async function findSuccessors(options: SuccessorOptions): Promise<Successors> {
  const { path, real, opened, isKnown } = options;
  const found: Found[] = [];
  const missed: string[] = [];
  let name = path;
  try {
    const rotated = await listRotated(real);
    for (const [file, stats] of rotated) {
      if (opened !== undefined && isSameFile(stats, opened.stats)) name = file;
      else if (!isKnown(stats)) {
        // removed or compressed since it was listed, or not for this user: whatever it is, the log goes on
        await openLog(file).then(
          (log) => found.push({ file, log }),
          () => missed.push(file),
        );
      }
    }
    const now = await ifThere(stat(path, { bigint: true }));
    const isLast = now !== undefined && opened !== undefined && isSameFile(now, opened.stats);
    // once it has been rotated too, one that was found may be newer
    const logs = isLast
      ? [...(await inOrder(found)), opened]
      : await inOrder(opened === undefined ? found : [...found, { file: name, log: opened }]);
    const present = new Set([...rotated.values()].map(fileKey));
    return { logs, missed, more: now !== undefined && !isLast, present };
  } catch (error) {
    for (const { log } of found) await log.file.close();
    throw error;
  }
}

/** By when they were last written, which follows the rotations whatever the names are; within a tick by name. */
async function inOrder(found: readonly Found[]): Promise<readonly OpenLog[]> {
  const dated = await Promise.all(
    found.map(async (one) => ({ ...one, mtimeNs: (await one.log.file.stat({ bigint: true })).mtimeNs })),
  );
  dated.sort((a, b) => Number(a.mtimeNs - b.mtimeNs) || (a.file < b.file ? -1 : 1));
  return dated.map(({ log }) => log);
}
