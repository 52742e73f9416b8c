import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import type { LinuxFacts } from "./why-simulated.ts";

const needed: readonly (readonly string[])[] = [
  ["crun", "runc"],
  ["conmon"],
  ["bwrap"],
  ["busybox"],
  ["docker-registry"],
];

/** What decides whether real containers can be started here. Any program of a group will do. */
export function readLinuxFacts(): LinuxFacts {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  const has = (name: string): boolean => folders.some((folder) => isExecutable(join(folder, name)));
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    missing: needed.filter((group) => !group.some(has)).map((group) => group.join(" or ")),
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
