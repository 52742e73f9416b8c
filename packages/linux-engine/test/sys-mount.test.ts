import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { bindMount, changeMount } from "../src/sys/bind-mount.ts";
import { mount, unmount } from "../src/sys/mount.ts";
import { isMounted, readMountInfo } from "../src/sys/mount-info.ts";
import { overlayMount } from "../src/sys/overlay-mount.ts";
import { isErrno } from "../src/sys/syscall-error.ts";

async function errno(work: () => unknown, ...names: string[]): Promise<boolean> {
  try {
    await work();
  } catch (error) {
    return isErrno(error, ...names);
  }
  return false;
}

describe.skipIf(linuxGate.skip)("mounts", () => {
  let root = "";
  const folder = (name: string): string => {
    const path = join(root, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  const find = async (path: string) => (await readMountInfo()).findLast((info) => info.mountPoint === path);

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), "keelson-mount-"));
    // All mounts of this file are made below one of its own, so that one detach ends what a failed test left.
    await mount({ target: root, type: "tmpfs", source: "keelson-test", data: "mode=700" });
    changeMount(root, { propagation: "private" });
  });
  afterAll(async () => {
    await unmount(root, { detach: true });
    expect((await readMountInfo()).filter((info) => info.mountPoint.startsWith(root))).toEqual([]);
    rmSync(root, { recursive: true });
  });

  it("mount() and unmount() do and undo; errors carry the error's name", async () => {
    const target = folder("plain with space");
    await mount({ target, type: "tmpfs", source: "x", flags: ["noSuid", "noDev"], data: "size=64k" });
    expect(await isMounted(target)).toBe(true);
    expect((await find(target))?.options).toEqual(expect.arrayContaining(["rw", "nosuid", "nodev"]));
    const busy = openSync(target, "r");
    expect(await errno(() => unmount(target), "EBUSY")).toBe(true);
    closeSync(busy);
    await unmount(target);
    expect(await isMounted(target)).toBe(false);
    expect(await errno(() => unmount(target), "EINVAL")).toBe(true);
    expect(await errno(() => unmount(join(root, "none")), "ENOENT")).toBe(true);
    expect(await errno(() => mount({ target, type: "no-such-type" }), "ENODEV")).toBe(true);
  });

  it("unmount() does not follow a link at the end of its path", async () => {
    const target = folder("linked");
    await mount({ target, type: "tmpfs" });
    symlinkSync(target, join(root, "link"));
    expect(await errno(() => unmount(join(root, "link")), "EINVAL")).toBe(true);
    expect(await isMounted(target)).toBe(true);
    await unmount(target);
  });

  it("bindMount() shows a folder, also from a descriptor, read-only with all below", async () => {
    const source = folder("source");
    writeFileSync(join(source, "file"), "here");
    await mount({ target: folder("source/sub"), type: "tmpfs" });
    const target = folder("target");

    bindMount({ source, target, propagation: "private" });
    expect(readFileSync(join(target, "file"), "utf8")).toBe("here");
    writeFileSync(join(target, "other"), "x");
    await unmount(target);

    const fd = openSync(source, "r");
    bindMount({ source: fd, target, recursive: true, set: ["readOnly", "noExec"], propagation: "slave" });
    closeSync(fd);
    for (const path of [target, join(target, "sub")]) {
      expect((await find(path))?.options).toEqual(expect.arrayContaining(["ro", "noexec"]));
      expect(await errno(() => writeFileSync(join(path, "new"), "x"), "EROFS")).toBe(true);
    }
    writeFileSync(join(source, "sub/new"), "x"); // the source stays writable
    changeMount(target, { clear: ["readOnly"] });
    writeFileSync(join(target, "new"), "x");
    await unmount(target, { detach: true });

    writeFileSync(join(root, "file-target"), "");
    bindMount({ source: join(source, "file"), target: join(root, "file-target") });
    expect(readFileSync(join(root, "file-target"), "utf8")).toBe("here");
    await unmount(join(root, "file-target"));
    await unmount(join(source, "sub"));
  });

  it("changeMount() sets the propagation", async () => {
    const target = folder("shared");
    await mount({ target, type: "tmpfs" });
    changeMount(target, { propagation: "shared" });
    expect((await find(target))?.tags[0]).toMatch(/^shared:/);
    changeMount(target, { propagation: "private" });
    expect((await find(target))?.tags).toEqual([]);
    await unmount(target);
    expect(await errno(() => changeMount(target, { set: ["readOnly"] }), "EINVAL")).toBe(true);
  });

  it("overlayMount() stacks few layers and shows their paths", async () => {
    const [below, above] = [folder("few/below"), folder("few/above")];
    const upper = { folder: folder("few/upper"), work: folder("few/work") };
    writeFileSync(join(below, "a"), "below");
    writeFileSync(join(above, "a"), "above");
    const target = folder("few/target");
    await overlayMount({ target, lower: [above, below], upper, source: "keelson-test" });
    expect(readFileSync(join(target, "a"), "utf8")).toBe("above");
    writeFileSync(join(target, "b"), "new");
    expect(readFileSync(join(upper.folder, "b"), "utf8")).toBe("new");
    expect((await find(target))?.superOptions).toContain(`lowerdir=${above}:${below}`);
    await unmount(target);
  });

  it("overlayMount() takes 150 layers with long names, and names that hold its separators", async () => {
    const digest = "0123456789abcdef".repeat(4);
    const lower = Array.from({ length: 150 }, (_, i) => {
      const layer = folder(`many:${digest}/${i},x\\y/fs`);
      writeFileSync(join(layer, `file-${i}`), String(i));
      writeFileSync(join(layer, "all"), String(i));
      return layer;
    });
    const upper = { folder: folder("many:upper"), work: folder("many:work") };
    const target = folder("many-target");
    const before = readdirSync("/proc/self/fd").length;
    await overlayMount({ target, lower, upper });
    expect(readdirSync("/proc/self/fd").length).toBe(before);
    expect(readFileSync(join(target, "all"), "utf8")).toBe("0");
    expect(readFileSync(join(target, "file-149"), "utf8")).toBe("149");
    writeFileSync(join(target, "new"), "x");
    expect(existsSync(join(upper.folder, "new"))).toBe(true);
    await unmount(target);
    await overlayMount({ target, lower });
    expect(await errno(() => writeFileSync(join(target, "new"), "x"), "EROFS")).toBe(true);
    await unmount(target);
    expect(readdirSync("/proc/self/fd").length).toBe(before);
  });
});
