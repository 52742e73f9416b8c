import { accessSync, constants, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import process from "node:process";
import { keelsondCommand } from "./keelsond-command.ts";
import type { LinuxFacts } from "./why-simulated.ts";

const needed: readonly (readonly string[])[] = [
  ["crun", "runc"],
  ["conmon"],
  ["bwrap"],
  ["busybox"],
  ["docker-registry"],
];

const pluginFolders = ["/opt/cni/bin", "/usr/lib/cni"];
const neededPlugins = ["bridge", "host-local"];

/** Their bits: linux/capability.h */
const neededCapabilities: Readonly<Record<string, bigint>> = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_CHROOT: 18n,
  CAP_SYS_ADMIN: 21n,
  CAP_MKNOD: 27n,
};

/** What decides whether real containers can be started here. Any program of a group will do. */
export function readLinuxFacts(): LinuxFacts {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/local/sbin", "/usr/sbin", "/sbin"];
  const isIn = (places: readonly string[]) => (name: string) => places.some((place) => isExecutable(join(place, name)));
  const programs = needed.filter((group) => !group.some(isIn(folders))).map((group) => group.join(" or "));
  const plugins = neededPlugins.filter((name) => !isIn(pluginFolders)(name)).map((name) => `the CNI plugin ${name}`);
  const isLinux = process.platform === "linux";
  return {
    platform: process.platform,
    uid: process.getuid?.() ?? -1,
    initialUserNamespace: isLinux && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync("/proc/self/uid_map", "utf8")),
    lacking: isLinux ? lackingCapabilities(readFileSync("/proc/self/status", "utf8")) : [],
    missing: [...programs, ...plugins, ...(isExecutable(keelsondCommand) ? [] : ["keelsond"])],
  };
}

function lackingCapabilities(status: string): readonly string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  return Object.entries(neededCapabilities)
    .filter(([, bit]) => (effective & (1n << bit)) === 0n)
    .map(([name]) => name);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
