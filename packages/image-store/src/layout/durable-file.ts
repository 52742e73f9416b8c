import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/** What files in the making begin with; leftovers of a crash are removed by that name. */
export const temporaryPrefix = ".new-";

/**
 * Replaces a file so that at any moment, also after a power cut, the old or the new content is there as a whole:
 * written beside it, flushed, renamed into place, the folder flushed.
 */
export async function writeFileDurably(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `${temporaryPrefix}${randomUUID()}`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** Makes renames and removals in a folder durable. */
export async function flushFolder(path: string): Promise<void> {
  // Windows has no such call and needs none
  if (process.platform === "win32") return;
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
