import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import type { EngineLog } from "../log.ts";
import { readXattrs } from "../sys/xattr.ts";

const name = "monitors";

/** Where conmon processes are put, so that the daemon's own cgroup holds the daemon alone. */
export interface MonitorCgroup {
  /** Puts a process that has not begun its work into it; where it can't be put there, it stays where it is. */
  enter(pid: number): Promise<void>;
}

/**
 * A cgroup below that of our own systemd service (`Delegate=yes`), in each hierarchy in which the service has one.
 * Undefined where we are no such service, as when a service of somebody else started us: then conmon stays where we are,
 * which is never a pod's cgroup (THREATS T6.03).
 * @param ownCgroups the text of `/proc/self/cgroup`
 */
export function makeMonitorCgroup(
  layout: CgroupLayout,
  log: EngineLog,
  ownCgroups: string = readFileSync("/proc/self/cgroup", "utf8"),
): MonitorCgroup | undefined {
  const folders = ownCgroups.split("\n").flatMap((line) => {
    const [, names, ...rest] = line.split(":"); // cgroups(7): `ID:CONTROLLERS:PATH`
    const path = rest.join(":");
    // A new cpuset of v1 takes no process, and confines conmon to nothing.
    if (!path.endsWith(".service") || names?.split(",").includes("cpuset") === true) return [];
    const mount = names === "" ? layout.unified : layout.mounts.get(names?.split(",")[0] ?? "");
    const own = mount === undefined ? undefined : join(mount, path);
    return own !== undefined && existsSync(own) ? [join(own, name)] : [];
  });
  if (!folders.some((folder) => isDelegated(dirname(folder)))) return undefined;
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  return {
    enter: async (pid) => {
      for (const folder of folders) {
        try {
          await writeFile(join(folder, "cgroup.procs"), String(pid));
        } catch (error) {
          log.warn("conmon could not be put into a cgroup of its own", { folder, error });
        }
      }
    },
  };
}

/** Whether systemd leaves a cgroup to whoever is in it: it marks those, in the hierarchy that is its own. */
function isDelegated(folder: string): boolean {
  const fd = openSync(folder, "r");
  try {
    return readXattrs(fd).get("trusted.delegate")?.toString("latin1") === "1";
  } finally {
    closeSync(fd);
  }
}
