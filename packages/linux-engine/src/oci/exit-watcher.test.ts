import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ExitFile } from "./exit-file.ts";
import { ExitWatcher } from "./exit-watcher.ts";

describe.skipIf(process.platform !== "linux")("ExitWatcher", () => {
  let exitFolder: string;
  let watcher: ExitWatcher;
  let ended: PromiseWithResolvers<ExitFile | undefined>;
  let failed: PromiseWithResolvers<unknown>;
  beforeEach(() => {
    exitFolder = mkdtempSync(join(tmpdir(), "keelson-exits-"));
    ended = Promise.withResolvers();
    failed = Promise.withResolvers();
    watcher = new ExitWatcher({
      exitFolder,
      onEnd: (_id, file) => ended.resolve(file),
      onError: (error) => failed.resolve(error),
      retryMs: 10,
    });
  });
  afterEach(() => {
    watcher.close();
    rmSync(exitFolder, { recursive: true });
  });

  it("tells an end whose file could not be read when it can be read", async () => {
    mkdirSync(join(exitFolder, "a"));
    watcher.watch("a", { exited: Promise.resolve() });
    expect(String(await failed.promise)).toContain("EISDIR");
    rmdirSync(join(exitFolder, "a"));
    expect(await ended.promise).toBeUndefined();
  });

  it("tells the end of a monitor of which the kernel does not say how it ended", async () => {
    writeFileSync(join(exitFolder, "other"), "0");
    watcher.watch("a", { exited: Promise.reject(new Error("waitid: no child")) });
    expect(String(await failed.promise)).toContain("no child");
    expect(await ended.promise).toBeUndefined();
  });
});
