import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { StateStore } from "@keelson/runtime-core/ports";
import { openLogStore } from "./log-store.ts";
import { logName, writeRecordLog } from "./record-log.ts";

const databaseName = "records.mdb";

/**
 * Opens the records below `root`, with those of an LMDB database that is there and no log yet. LMDB is not what they are
 * kept in; {@link openLogStore} says why.
 */
export async function openLmdbStore(root: string): Promise<StateStore> {
  const folder = join(root, "state");
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (names.includes(databaseName)) {
    if (!names.includes(logName)) await (await writeRecordLog(folder, await readDatabase(folder))).close();
    for (const name of [databaseName, `${databaseName}-lock`]) await rm(join(folder, name), { force: true });
  }
  return openLogStore(root);
}

async function readDatabase(folder: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const { open } = await import("lmdb");
  const database = open<Buffer, string>({
    path: join(folder, databaseName),
    encoding: "binary",
    keyEncoding: "ordered-binary",
    overlappingSync: true,
  });
  try {
    const records = new Map<string, Uint8Array>();
    // The bytes that a range yields are only good until its next step.
    for (const { key, value } of database.getRange()) records.set(String(key), new Uint8Array(value));
    return records;
  } finally {
    await database.close();
  }
}
