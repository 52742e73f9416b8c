import { existsSync, mkdirSync, rmdirSync } from "node:fs";
import { posix } from "node:path";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { isErrno } from "../sys/syscall-error.ts";

/** Where a cgroup has to be in every hierarchy: where each is mounted, once; on a hybrid host also cgroup2. */
export function hierarchyRoots(layout: CgroupLayout): readonly string[] {
  const roots = [...layout.mounts.values(), ...(layout.unified === undefined ? [] : [layout.unified])];
  return [...new Set(roots)].toSorted();
}

/** Folders of a cgroup that are not there yet, the outer ones first: what {@link makeCgroup} would make. */
export function missingFolders(layout: CgroupLayout, path: string): readonly string[] {
  const parts = path.split("/").filter((part) => part !== "");
  const steps = parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
  return hierarchyRoots(layout).flatMap((root) =>
    steps.map((step) => posix.join(root, step)).filter((folder) => !existsSync(folder)),
  );
}

/** Makes a cgroup, and what is above it, in every hierarchy. Idempotent. */
export function makeCgroup(layout: CgroupLayout, path: string): void {
  for (const root of hierarchyRoots(layout)) mkdirSync(posix.join(root, path), { recursive: true, mode: 0o755 });
}

/** Removes a cgroup's folder unless something is in it. */
export function removeFolderIfEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EBUSY", "ENOTEMPTY")) throw error;
  }
}
