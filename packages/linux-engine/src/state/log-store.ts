import { chmod, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { internal, quote } from "@keelson/cri-api/errors";
import type { StateStore } from "@keelson/runtime-core/ports";
import type { Change } from "./log-frame.ts";
import { flushFolder, type RecordLog, readRecordLog, writeRecordLog } from "./record-log.ts";

const defaultRewriteBytes = 4 * 1024 * 1024;
const maxKeyBytes = 1024;
const hint = "check the free space and the health of the disk under the root folder";

export interface LogStoreOptions {
  /** How much is appended at least before the log is written anew without what is out of date. Default 4 MiB. */
  readonly rewriteBytes?: number;
}

interface Waiting extends Change {
  readonly committed: PromiseWithResolvers<void>;
}

/**
 * Opens the records below `root` (created with mode 0700 when it is not there). One process at a time. They are in memory
 * too.
 *
 * A change is committed by a write(2) to the log; changes that come during one share the next. It is durable by an
 * fdatasync, which only `flush` waits for; flushes share it too. While the log is written anew, changes wait. No call to
 * the disk runs on the loop.
 *
 * No database is under it because LMDB can't tell the two apart: lmdb-js 3.5 ends every commit with an fdatasync, also with
 * `overlappingSync` and NO_SYNC_FLUSH (`mdb_txn_commit` syncs before it returns, so a `transactionSync` blocks the loop for
 * it); with `noSync` pages of the last synced state are written over, and a loss of power leaves no database; and a commit
 * that fails on a full disk rejects a promise that nobody can hold, which ends the process.
 *
 * @throws INTERNAL when the records can't be read or written
 */
export async function openLogStore(root: string, options: LogStoreOptions = {}): Promise<StateStore> {
  const rewriteBytes = options.rewriteBytes ?? defaultRewriteBytes;
  const folder = join(root, "state");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const records = await readRecordLog(folder);
  let log: RecordLog;
  try {
    await flushFolder(root);
    // What the last life has committed is durable from here on, and no half frame is left at the end.
    log = await writeRecordLog(folder, records);
  } catch (cause) {
    throw internal(`open the records in ${quote(folder)}: they could not be written`, { cause, hint });
  }

  let waiting: Waiting[] = [];
  let appending: Promise<void> | undefined;
  let syncing: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let mustRewrite = false;
  // counts of changes
  let committed = 0;
  let durable = 0;

  const rewrite = async (): Promise<void> => {
    mustRewrite = true;
    const next = await writeRecordLog(folder, records);
    mustRewrite = false;
    durable = committed;
    const last = log;
    log = next;
    await last.close();
  };

  const append = async (): Promise<void> => {
    while (waiting.length > 0) {
      const changes = waiting;
      waiting = [];
      try {
        const isLong = log.appendedBytes >= Math.max(rewriteBytes, log.startBytes);
        if (mustRewrite || log.hasFailed || isLong) await rewrite();
        await log.append(changes);
      } catch (error) {
        for (const change of changes) change.committed.reject(error);
        continue;
      }
      committed += changes.length;
      for (const { key, value, committed } of changes) {
        if (value === undefined) records.delete(key);
        else records.set(key, value);
        committed.resolve();
      }
    }
    appending = undefined;
  };

  const commit = async (what: string, change: Change): Promise<void> => {
    const keyBytes = Buffer.byteLength(change.key);
    if (keyBytes < 1 || keyBytes > maxKeyBytes) {
      throw new Error(`${what}: the key has ${keyBytes} bytes, want 1 to ${maxKeyBytes}`);
    }
    if (closing !== undefined) throw internal(`${what}: the store is closed`);
    const own = Promise.withResolvers<void>();
    waiting.push({ ...change, committed: own });
    appending ??= append();
    try {
      await own.promise;
    } catch (cause) {
      throw internal(`${what}: it could not be committed`, { cause, hint });
    }
  };

  const sync = async (): Promise<void> => {
    const before = committed;
    try {
      await log.sync();
      durable = Math.max(durable, before);
    } finally {
      syncing = undefined;
    }
  };

  const close = async (): Promise<void> => {
    await appending;
    await log.close();
  };

  return {
    load: async () => new Map([...records].map(([key, value]) => [key, new Uint8Array(value)])),
    put: (key, value) => commit(`store record ${quote(key)}`, { key, value: new Uint8Array(value) }),
    delete: (key) => commit(`delete record ${quote(key)}`, { key, value: undefined }),
    flush: async () => {
      const wanted = committed;
      try {
        while (durable < wanted) {
          // One that is under way may have begun before the last commit.
          syncing ??= sync();
          await syncing;
        }
      } catch (cause) {
        // the next change writes all records to a log of its own
        throw internal("flush records: the log could not be synced", { cause, hint });
      }
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}
