import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { type LogEntry, parseLogLine } from "@keelson/cri-api/logs";

/** The longest line that is kept while its end has not come: runtimes split lines at 16 KiB. */
const maxLineBytes = 256 * 1024;

/**
 * Reads a CRI log from its start and goes on as it grows, until `ended` resolves and everything before that has been
 * read. Lines that are not in the format are skipped.
 */
export async function* followLog(file: string, ended: Promise<unknown>): AsyncGenerator<LogEntry> {
  let finished = false;
  let wake: () => void = () => {};
  const end = (): void => {
    finished = true;
    wake();
  };
  ended.then(end, end);
  const watcher: FSWatcher = watch(dirname(file), (_, name) => {
    if (name === basename(file)) wake();
  });
  let handle: FileHandle | undefined;
  const chunk = Buffer.alloc(64 * 1024);
  let rest = Buffer.alloc(0);
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const last = finished;
      handle ??= await open(file).catch(() => undefined);
      for (;;) {
        const read = handle === undefined ? 0 : (await handle.read(chunk, 0, chunk.length)).bytesRead;
        if (read === 0) break;
        rest = Buffer.concat([rest, chunk.subarray(0, read)]);
        for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
          const entry = parseLogLine(rest.toString("utf8", 0, end));
          rest = rest.subarray(end + 1);
          if (entry !== undefined) yield entry;
        }
        if (rest.length > maxLineBytes) rest = Buffer.alloc(0);
      }
      if (last) return;
      if (!finished) await woken;
    }
  } finally {
    watcher.close();
    await handle?.close();
  }
}
