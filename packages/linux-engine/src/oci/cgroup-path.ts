import { posix } from "node:path";
import { slicePath } from "../cgroup/pod-cgroup.ts";

/**
 * The path of a container's cgroup below a hierarchy's root, from `linux.cgroupsPath`: as it is with cgroupfs;
 * `SLICE:PREFIX:NAME` is the scope `PREFIX-NAME.scope` of the slice.
 */
export function cgroupPath(cgroupsPath: string): string {
  const [slice, prefix, name] = cgroupsPath.split(":");
  if (slice === undefined || prefix === undefined || name === undefined) return cgroupsPath;
  return posix.join(slicePath(slice), `${prefix}-${name}.scope`);
}
