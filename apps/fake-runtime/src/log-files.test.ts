import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createLogFiles } from "./log-files.ts";

describe("log files", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-log-files-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const file = (...parts: string[]) => ({ directory: join(folder, "pod"), path: join(folder, "pod", ...parts) });

  test("are appended to, in folders that are made", async () => {
    const logs = createLogFiles();
    for (const line of ["one\n", "two\n"]) {
      const log = await logs.open(file("main", "0.log"));
      log.write(line);
      log.close();
      log.close();
      expect(() => log.write("late\n")).toThrow("closed");
    }
    expect(await readFile(file("main", "0.log").path, "utf8")).toBe("one\ntwo\n");
    expect((await stat(file("main", "0.log").path)).mode & 0o007).toBe(0);
  });

  test("go on in a new file after a rotation", async () => {
    const log = await createLogFiles().open(file("0.log"));
    log.write("one\n");
    await rename(file("0.log").path, file("0.log.1").path);
    log.write("two\n");
    await log.reopen();
    log.write("three\n");
    log.close();
    expect(await readFile(file("0.log.1").path, "utf8")).toBe("one\ntwo\n");
    expect(await readFile(file("0.log").path, "utf8")).toBe("three\n");
    await expect(log.reopen()).rejects.toThrow("closed");
  });

  test("stand below the root that was given", async () => {
    const log = await createLogFiles({ root: folder }).open({ directory: "/pod", path: "/pod/0.log" });
    log.write("one\n");
    log.close();
    expect(await readFile(join(folder, "pod", "0.log"), "utf8")).toBe("one\n");
  });

  test("are refused where a link, a FIFO or a folder is in the way, and nothing is written elsewhere", async () => {
    const canary = join(folder, "canary");
    await mkdir(canary);
    await writeFile(join(canary, "0.log"), "untouched");
    await mkdir(join(folder, "pod"));
    await symlink(canary, join(folder, "pod", "linked"));
    await symlink(join(canary, "0.log"), join(folder, "pod", "link.log"));
    await mkdir(join(folder, "pod", "folder.log"));
    execFileSync("mkfifo", [join(folder, "pod", "fifo.log")]);
    for (const parts of [["linked", "0.log"], ["link.log"], ["folder.log"], ["fifo.log"]]) {
      const open = createLogFiles().open(file(...parts));
      await expect(open, parts.join("/")).rejects.toMatchObject({ code: "FAILED_PRECONDITION" });
    }
    expect(await readFile(join(canary, "0.log"), "utf8")).toBe("untouched");
  });
});
