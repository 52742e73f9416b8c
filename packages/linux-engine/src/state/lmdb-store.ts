import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { internal, quote } from "@keelson/cri-api/errors";
import type { StateStore } from "@keelson/runtime-core/ports";
import { type Key, open, type RootDatabase } from "lmdb";

/**
 * Opens the records below `root` (created with mode 0700 when it is not there).
 *
 * A resolved `put` is committed. With lmdb-js 3.5 it is durable too: its promise settles when the commit's own fdatasync
 * has ended, also with `overlappingSync` and `separateFlushed` (seen with a delayed fdatasync). That keeps more than the
 * port promises, at the price of a sync for each commit; `noSync` would save it and could lose the whole database with
 * the power.
 */
export async function openLmdbStore(root: string): Promise<StateStore> {
  const folder = join(root, "state");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const database: RootDatabase<Buffer, string> = open<Buffer, string>({
    path: join(folder, "records.mdb"),
    encoding: "binary",
    keyEncoding: "ordered-binary",
    overlappingSync: true,
  });
  let closing: Promise<void> | undefined;
  return {
    load: async () => {
      const all = new Map<string, Uint8Array>();
      // The bytes that a range yields are only good until its next step.
      for (const { key, value } of database.getRange()) all.set(keyText(key), new Uint8Array(value));
      return all;
    },
    put: (key, value) => write(`store record ${quote(key)}`, database.put(key, Buffer.from(value))),
    delete: (key) => write(`delete record ${quote(key)}`, database.remove(key)),
    flush: async () => {
      await database.flushed;
    },
    close: () => {
      closing ??= database.close();
      return closing;
    },
  };
}

async function write(what: string, committed: Promise<boolean>): Promise<void> {
  try {
    await committed;
  } catch (cause) {
    throw internal(`${what}: the database could not commit`, {
      cause,
      hint: "check the free space of the root folder",
    });
  }
}

function keyText(key: Key): string {
  if (typeof key !== "string") throw new Error("the state store holds a key that is no text");
  return key;
}
