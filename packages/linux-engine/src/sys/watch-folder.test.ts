import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isErrno } from "./syscall-error.ts";
import { type FolderListener, watchFolder } from "./watch-folder.ts";

describe.skipIf(process.platform !== "linux")("watchFolder()", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-watch-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** A listener that records, and a way to wait for so many events. */
  function recorder(): {
    readonly listener: FolderListener;
    seen(): readonly string[];
    until(count: number): Promise<readonly string[]>;
  } {
    const seen: string[] = [];
    let wake = (): void => undefined;
    const note = (event: string): void => {
      seen.push(event);
      wake();
    };
    return {
      seen: () => seen,
      listener: { onFile: (name) => note(name), onOverflow: () => note("overflow!"), onGone: () => note("gone!") },
      until: async (count) => {
        while (seen.length < count) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        return seen;
      },
    };
  }

  it("tells of files that are complete: written and closed, or renamed into place", async () => {
    const { listener, until } = recorder();
    using _watch = watchFolder(folder, listener);
    const fd = openSync(join(folder, "slow"), "w");
    writeSync(fd, "half");
    mkdirSync(join(folder, "sub"));
    writeFileSync(join(folder, "sub/inner"), "x");
    writeFileSync(join(folder, "ünï"), "x");
    renameSync(join(folder, "ünï"), join(folder, "moved"));
    expect(await until(2)).toEqual(["ünï", "moved"]); // not "slow", which is still open
    closeSync(fd);
    renameSync(join(folder, "sub/inner"), join(folder, "arrived"));
    expect(await until(4)).toEqual(["ünï", "moved", "slow", "arrived"]);
  });

  it("loses none of many", async () => {
    const { listener, until } = recorder();
    using _watch = watchFolder(folder, listener);
    const names = Array.from({ length: 2000 }, (_, i) => `file-${i}-${"x".repeat(100)}`);
    for (const name of names) writeFileSync(join(folder, name), "");
    expect(await until(names.length)).toEqual(names);
  });

  it("says when the folder is gone, and nothing after it was closed", async () => {
    const { listener, until } = recorder();
    const watch = watchFolder(folder, listener);
    rmSync(folder, { recursive: true });
    expect(await until(1)).toEqual(["gone!"]);
    watch.close();
    watch.close();
    mkdirSync(folder);
    const closed = recorder();
    watchFolder(folder, closed.listener).close();
    using _other = watchFolder(folder, listener);
    appendFileSync(join(folder, "a"), "x");
    expect(await until(2)).toEqual(["gone!", "a"]);
    expect(closed.seen()).toEqual([]);
  });

  it("refuses what is no folder", () => {
    const { listener } = recorder();
    writeFileSync(join(folder, "file"), "");
    for (const [path, errno] of [
      ["file", "ENOTDIR"],
      ["none", "ENOENT"],
    ] as const) {
      try {
        watchFolder(join(folder, path), listener);
        expect.fail("it did not fail");
      } catch (error) {
        expect(isErrno(error, errno)).toBe(true);
      }
    }
  });
});
