import { readFileSync } from "node:fs";
import { parseMountInfo } from "../sys/mount-info.ts";

/**
 * How cgroups are mounted on this host.
 *
 * `version` is what the OCI runtimes go by: 2 only when `/sys/fs/cgroup` itself is a cgroup2 mount. Where v1 hierarchies
 * and a cgroup2 mount stand side by side ("hybrid"), the controllers are in v1 and the version is 1.
 */
export interface CgroupLayout {
  readonly version: 1 | 2;
  /** The controllers that can be used, sorted: `cpu`, `memory`, `pids`…; also `freezer` on v2, where it is built in. */
  readonly controllers: readonly string[];
  /** v1: where each hierarchy is mounted, by controller and by name (`name=systemd`). Empty on v2. */
  readonly mounts: ReadonlyMap<string, string>;
  /** Where cgroup2 is mounted: `/sys/fs/cgroup` on v2, perhaps `/sys/fs/cgroup/unified` on v1; undefined without. */
  readonly unified: string | undefined;
}

const root = "/sys/fs/cgroup";

/** Reads the layout from the kernel. It changes when somebody mounts a hierarchy, so it is read at each start. */
export function readCgroupLayout(): CgroupLayout {
  const mountinfo = readFileSync("/proc/self/mountinfo");
  const isV2 = parseMountInfo(mountinfo).some((mount) => mount.type === "cgroup2" && mount.mountPoint === root);
  return parseCgroupLayout(mountinfo, isV2 ? readFileSync(`${root}/cgroup.controllers`, "utf8") : "");
}

/** The layout that `/proc/self/mountinfo` and, on v2, the root's `cgroup.controllers` tell of. */
export function parseCgroupLayout(mountinfo: Buffer, rootControllers: string): CgroupLayout {
  const mounts = parseMountInfo(mountinfo).filter(
    (mount) => mount.mountPoint === root || mount.mountPoint.startsWith(`${root}/`),
  );
  const unified = mounts.find((mount) => mount.type === "cgroup2")?.mountPoint;
  if (unified === root) {
    const controllers = rootControllers.split(/\s+/).filter((name) => name !== "");
    return { version: 2, controllers: [...controllers, "freezer"].toSorted(), mounts: new Map(), unified };
  }
  const byName = new Map<string, string>();
  for (const mount of mounts) {
    if (mount.type !== "cgroup") continue;
    for (const option of mount.superOptions) {
      if (!generalOptions.has(option) && !option.startsWith("release_agent=")) byName.set(option, mount.mountPoint);
    }
  }
  const controllers = [...byName.keys()].filter((name) => !name.startsWith("name="));
  return { version: 1, controllers: controllers.toSorted(), mounts: byName, unified };
}

/** Options of a v1 hierarchy that name no controller. */
const generalOptions = new Set(["rw", "ro", "none", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"]);
