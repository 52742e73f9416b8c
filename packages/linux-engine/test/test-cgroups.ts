import { type Dirent, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";

/** Removes the cgroups that a test made below its own parent, in every hierarchy; they must be empty of processes. */
export function removeTestCgroups(parent: string): void {
  const layout = readCgroupLayout();
  const roots = new Set([...layout.mounts.values(), ...(layout.unified === undefined ? [] : [layout.unified])]);
  for (const root of roots) removeTree(join(root, parent));
}

function removeTree(folder: string): void {
  let entries: Dirent[];
  try {
    entries = readdirSync(folder, { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  for (const entry of entries) if (entry.isDirectory()) removeTree(join(folder, entry.name));
  rmdirSync(folder);
}
