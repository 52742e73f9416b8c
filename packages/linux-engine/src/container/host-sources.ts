import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { open, readdir, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { Device, Mount } from "@keelson/cri-api/v1";
import type { Task } from "@keelson/runtime-core/ports";
import {
  type DeviceSource,
  type HostDevice,
  type MountSource,
  maxProfileBytes,
  mountRestrictions,
} from "../spec/index.ts";
import { type MountInfo, readMountInfo } from "../sys/mount-info.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { HostPaths } from "./host-paths.ts";
import type { ImageMountFacts } from "./steps/mount-images.ts";

/** As `mount-images.ts` mounts them. */
const imageRestrictions: MountSource["forbids"] = ["nosuid", "nodev"];

export interface MountLookup {
  readonly hostPaths: HostPaths;
  /** Where the images among the mounts are mounted. */
  readonly images: readonly ImageMountFacts[];
  readonly task: Task;
}

/** Looks at the host paths of mounts. The task's stage tells which one: a dead network mount answers nobody. */
export async function findMountSources(
  mounts: readonly Mount[],
  { hostPaths, images, task }: MountLookup,
): Promise<readonly MountSource[]> {
  if (mounts.length === 0) return [];
  const mounted = await readMountInfo();
  const sources: MountSource[] = [];
  for (const [index, { hostPath }] of mounts.entries()) {
    const image = images.find((one) => one.index === index);
    if (image !== undefined) {
      sources.push({ path: image.source, propagation: "private", forbids: imageRestrictions, procfs: false });
      continue;
    }
    task.stage("waiting for mount source", quote(hostPath));
    const path = await hostPaths.resolve(hostPath, task.signal);
    const under = mountOf(mounted, path);
    const procfs = under?.type === "proc" && under.mountPoint === path && under.root === "/";
    const forbids = mountRestrictions.filter((one) => under?.options.includes(one) === true);
    sources.push({ path, propagation: propagationOf(under), forbids, procfs });
  }
  return sources;
}

/** The mount that a path without links lies on: the deepest one, and of several on one point the last. */
function mountOf(mounted: readonly MountInfo[], path: string): MountInfo | undefined {
  let found: MountInfo | undefined;
  for (const one of mounted) {
    const above = one.mountPoint === path || one.mountPoint === "/" || path.startsWith(`${one.mountPoint}/`);
    if (above && one.mountPoint.length >= (found?.mountPoint.length ?? 0)) found = one;
  }
  return found;
}

function propagationOf(under: MountInfo | undefined): MountSource["propagation"] {
  if (under?.tags.some((tag) => tag.startsWith("shared:")) === true) return "shared";
  return under?.tags.some((tag) => tag.startsWith("master:")) === true ? "slave" : "private";
}

/** Looks at the host paths of devices. A path that is not there, or holds no device, has no nodes. */
export async function findDeviceSources(devices: readonly Device[]): Promise<readonly DeviceSource[]> {
  return await Promise.all(
    devices.map(async ({ hostPath }): Promise<DeviceSource> => {
      try {
        const path = await realpath(hostPath);
        return { path, nodes: await nodesAt(path) };
      } catch (error) {
        if (isErrno(error, "ENOENT", "ENOTDIR")) return { path: hostPath, nodes: [] };
        throw error;
      }
    }),
  );
}

/** Folders and files of `/dev` that are no devices to hand on: each container has its own. */
const ownDevices = new Set(["pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"]);

/** All device nodes below the host's `/dev`. */
export async function listHostDevices(): Promise<readonly HostDevice[]> {
  const names = (await readdir("/dev")).filter((name) => !ownDevices.has(name));
  return (await Promise.all(names.map((name) => nodesAt(join("/dev", name))))).flat();
}

async function nodesAt(path: string): Promise<readonly HostDevice[]> {
  let stats: Stats;
  try {
    stats = await stat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return []; // unplugged meanwhile, or a dangling link
    throw error;
  }
  if (stats.isDirectory()) {
    const entries = await readdir(path, { withFileTypes: true });
    // A link inside would show a node twice, or lead out of the folder.
    const inside = entries.filter((entry) => entry.isDirectory() || entry.isCharacterDevice() || entry.isBlockDevice());
    return (await Promise.all(inside.map((entry) => nodesAt(join(path, entry.name))))).flat();
  }
  const type = stats.isCharacterDevice() ? "c" : stats.isBlockDevice() ? "b" : undefined;
  if (type === undefined) return [];
  const { major, minor } = deviceNumbers(stats.rdev);
  return [{ path, type, major, minor, fileMode: stats.mode & 0o777, uid: stats.uid, gid: stats.gid }];
}

/** glibc's dev_t (makedev(3)). */
function deviceNumbers(rdev: number): { readonly major: number; readonly minor: number } {
  const number = BigInt(rdev);
  return {
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn)),
    minor: Number((number & 0xffn) | ((number >> 12n) & ~0xffn & 0xffff_ffffn)),
  };
}

/** Reads a seccomp profile of the operator's. @throws INVALID_ARGUMENT when there is none; FAILED_PRECONDITION */
export async function readSeccompProfile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    if (!isErrno(cause, "ENOENT", "ENOTDIR")) throw cause;
    throw invalidArgument(`read seccomp profile ${quote(path)}: it is not there`, { cause });
  });
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > maxProfileBytes) {
      throw failedPrecondition(
        `read seccomp profile ${quote(path)}: want a regular file of at most ${maxProfileBytes} bytes`,
      );
    }
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}
