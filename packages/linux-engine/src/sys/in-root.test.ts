import { execFileSync } from "node:child_process";
import {
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeAll } from "./descriptor.ts";
import { mkdirAllInRoot, openInRoot, readFileInRoot, statInRoot } from "./in-root.ts";
import { isErrno } from "./syscall-error.ts";

async function failure(work: Promise<unknown>): Promise<unknown> {
  return await work.then(
    () => expect.fail("it did not fail"),
    (error: unknown) => error,
  );
}

describe.skipIf(process.platform !== "linux")("a tree that others control", () => {
  let folder = "";
  let root = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-in-root-"));
    root = join(folder, "root");
    mkdirSync(join(root, "etc"), { recursive: true });
    mkdirSync(join(root, "run"));
    mkdirSync(join(folder, "canary"));
    writeFileSync(join(folder, "canary/secret"), "secret");
    writeFileSync(join(root, "etc/passwd"), "root:x:0:0::/root:/bin/sh\n");
    symlinkSync("/etc", join(root, "absolute"));
    symlinkSync("../../../../canary", join(root, "climbing"));
    symlinkSync(join(folder, "canary"), join(root, "canary"));
    symlinkSync("loop", join(root, "loop"));
    symlinkSync("nowhere", join(root, "dangling"));
    mkdirSync(join(root, "var"));
    symlinkSync("/run", join(root, "var/run"));
    execFileSync("mkfifo", [join(root, "etc/fifo")]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = async (path: string, cap = 1000) => (await readFileInRoot(root, path, cap))?.toString();

  it("readFileInRoot() reads what is inside, through links that are resolved inside", async () => {
    for (const path of ["etc/passwd", "/etc/passwd", "absolute/passwd", "../../etc/passwd", "var/run/../etc/passwd"]) {
      expect(await read(path)).toMatch(/^root:x:0/);
    }
    const fd = openSync(root, "r");
    expect((await readFileInRoot(fd, "etc/passwd", 100))?.toString()).toMatch(/^root/);
    closeAll([fd]);
  });

  it("nothing outside is ever read", async () => {
    for (const path of [
      "climbing/secret",
      "canary/secret",
      "../canary/secret",
      "dangling",
      "etc/none",
      "etc/passwd/x",
    ]) {
      expect(await read(path)).toBeUndefined();
    }
    expect(isErrno(await failure(read("loop")), "ELOOP")).toBe(true);
    expect(isCriError(await failure(read("etc/pass\0wd")), "INVALID_ARGUMENT")).toBe(true);
  });

  it("T12.04: a FIFO, a folder or a device is refused at once, also eight at a time", async () => {
    const before = readdirSync("/proc/self/fd").length;
    const errors = await Promise.all(Array.from({ length: 8 }, () => failure(read("etc/fifo"))));
    for (const error of errors) expect(isCriError(error, "FAILED_PRECONDITION")).toBe(true);
    expect(isCriError(await failure(read("etc")), "FAILED_PRECONDITION")).toBe(true);
    expect(isCriError(await failure(readFileInRoot("/dev", "zero", 10)), "FAILED_PRECONDITION")).toBe(true);
    await stat(root); // the pool still serves
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });

  it("what is larger than the cap is refused unread", async () => {
    writeFileSync(join(root, "etc/huge"), "");
    truncateSync(join(root, "etc/huge"), 10 * 2 ** 30);
    expect(isCriError(await failure(read("etc/huge", 2 ** 20)), "RESOURCE_EXHAUSTED")).toBe(true);
    writeFileSync(join(root, "etc/exact"), "x".repeat(100));
    expect(await read("etc/exact", 100)).toHaveLength(100);
    expect(isCriError(await failure(read("etc/exact", 99)), "RESOURCE_EXHAUSTED")).toBe(true);
    // A file of /proc says that its size is 0.
    expect(isCriError(await failure(readFileInRoot("/proc/self", "status", 10)), "RESOURCE_EXHAUSTED")).toBe(true);
  });

  it("statInRoot() tells what is there, with or without following a link", async () => {
    expect((await statInRoot(root, "absolute"))?.isDirectory()).toBe(true);
    expect((await statInRoot(root, "absolute", { followLink: false }))?.isSymbolicLink()).toBe(true);
    expect((await statInRoot(root, "etc/fifo"))?.isFIFO()).toBe(true);
    expect((await statInRoot(root, ""))?.ino).toBe(statSync(root).ino);
    expect(await statInRoot(root, "canary/secret")).toBeUndefined();
  });

  it("mkdirAllInRoot() makes folders inside only, with the mode asked for", async () => {
    await mkdirAllInRoot(root, "/a/b/../c", 0o777);
    for (const path of ["a", "a/b", "a/c"]) expect(statSync(join(root, path)).mode & 0o7777).toBe(0o777);
    await mkdirAllInRoot(root, "a/c");
    expect(statSync(join(root, "a/c")).mode & 0o7777).toBe(0o777);
    await mkdirAllInRoot(root, "var/run/app");
    expect(statSync(join(root, "run/app")).isDirectory()).toBe(true);
    await mkdirAllInRoot(root, "../../up");
    expect(statSync(join(root, "up")).isDirectory()).toBe(true);
    expect(isErrno(await failure(mkdirAllInRoot(root, "canary/x")), "ENOENT")).toBe(true);
    expect(isErrno(await failure(mkdirAllInRoot(root, "climbing/x")), "ENOENT")).toBe(true);
    expect(isErrno(await failure(mkdirAllInRoot(root, "etc/passwd/x")), "ENOTDIR")).toBe(true);
    expect(readdirSync(join(folder, "canary"))).toEqual(["secret"]);
    expect(existsSync(join(folder, "up"))).toBe(false);
  });

  it("openInRoot() opens what was resolved inside", async () => {
    const fd = await openInRoot(root, "absolute/new", constants.O_WRONLY | constants.O_CREAT, 0o600);
    closeAll([fd]);
    expect(readFileSync(join(root, "etc/new"), "utf8")).toBe("");
  });
});
