import { readFile, stat } from "node:fs/promises";
import { isErrno } from "../sys/syscall-error.ts";

/** What conmon wrote when a container ended. */
export interface ExitFile {
  /** 0…255; 128 + the signal's number when a signal ended it. Undefined when conmon itself did not know. */
  readonly code: number | undefined;
  /** When conmon wrote it, after the last log line. */
  readonly finishedAtNs: bigint;
}

/** Reads a container's exit file; undefined while there is none. */
export async function readExitFile(path: string): Promise<ExitFile | undefined> {
  try {
    const [text, { mtimeNs }] = await Promise.all([readFile(path, "latin1"), stat(path, { bigint: true })]);
    const code = /^\d{1,3}$/.test(text.trim()) ? Number(text) : undefined; // "-1": neither exited nor signalled
    return { code: code !== undefined && code <= 255 ? code : undefined, finishedAtNs: mtimeNs };
  } catch (error) {
    if (isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}

/** True when conmon saw the container's memory limit hit (its `oom` file). It may have missed it. */
export async function hasOomNote(persistFolder: string): Promise<boolean> {
  try {
    await stat(`${persistFolder}/oom`);
    return true;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return false;
    throw error;
  }
}
