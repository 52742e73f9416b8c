import { closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must, native } from "../src/sys/libc.ts";
import { unmount } from "../src/sys/mount.ts";
import { run } from "../src/sys/run.ts";

const ioctl = native("int ioctl(int fd, unsigned long request, const void *argument)");
// linux/ext4.h: the file system stops at once; what the disk does not have by then is lost
const EXT4_IOC_SHUTDOWN = 0x8004587d;
const EXT4_GOING_FLAGS_NOLOGFLUSH = 2;
const deadlineMs = 30_000;

/** An ext4 whose power can be cut. */
export interface PowerCutDisk {
  readonly path: string;
  /** How often its device was told to flush what it holds. */
  flushes(): number;
  /** From now on every write fails. */
  cut(): void;
  /** Mounts again what the cut has left. Nothing may have a file open. */
  restore(): Promise<void>;
  close(): Promise<void>;
}

/** @param folder an empty folder for the file with the disk's content and for its mount point */
export async function openPowerCutDisk(folder: string): Promise<PowerCutDisk> {
  const image = join(folder, "image");
  const path = join(folder, "disk");
  writeFileSync(image, "");
  truncateSync(image, 64 * 1024 * 1024);
  mkdirSync(path);
  await run(["mkfs.ext4", "-q", "-F", image], { deadlineMs });
  const mountIt = () => run(["mount", "-o", "loop", image, path], { deadlineMs });
  await mountIt();
  return {
    path,
    flushes: () => {
      const mounted = readFileSync("/proc/self/mountinfo", "utf8")
        .split("\n")
        .map((line) => line.split(" "))
        .find((fields) => fields[4] === path);
      const stat = readFileSync(`/sys/dev/block/${mounted?.[2]}/stat`, "utf8").trim().split(/\s+/);
      return Number(stat[15]); // Documentation/block/stat.rst: flush I/Os
    },
    cut: () => {
      const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
      const flags = Buffer.alloc(4);
      flags.writeUInt32LE(EXT4_GOING_FLAGS_NOLOGFLUSH);
      try {
        must(ioctl(fd, EXT4_IOC_SHUTDOWN, flags), "ioctl", path);
      } finally {
        closeSync(fd);
      }
    },
    restore: async () => {
      await unmount(path);
      await mountIt();
    },
    close: async () => {
      await unmount(path);
      rmSync(folder, { recursive: true });
    },
  };
}
