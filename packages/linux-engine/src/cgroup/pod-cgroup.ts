import { posix } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { type CgroupDriver, checkCgroupParent } from "../spec/cgroups-path.ts";

/** How this daemon uses cgroups; fixed at its start. */
export interface CgroupScheme {
  readonly driver: CgroupDriver;
  /** What the names of this daemon's own cgroups begin with, such as `keelson-1a2b3c4d`: it follows from its root. */
  readonly prefix: string;
}

export interface PodCgroup {
  /** cgroupfs: the path below a hierarchy's root. systemd: the name of the slice. */
  readonly parent: string;
  /** The request named none: the cgroup is ours alone, and so is what is above it. */
  readonly isOurs: boolean;
}

/**
 * The cgroup that a pod's containers are made in: `cgroup_parent` when the request has one (the kubelet makes it), else
 * one of our own, `/PREFIX/ID` or {@link ownSlice}.
 * @throws INVALID_ARGUMENT for a parent with `..` or control characters; FAILED_PRECONDITION when it does not fit the
 *   driver
 */
export function podCgroup(scheme: CgroupScheme, sandboxId: string, cgroupParent: string): PodCgroup {
  if (cgroupParent === "") {
    const own = scheme.driver === "systemd" ? ownSlice(scheme.prefix, sandboxId) : `/${scheme.prefix}/${sandboxId}`;
    return { parent: own, isOurs: true };
  }
  const parent = checkCgroupParent(cgroupParent, scheme.driver);
  if (scheme.driver === "cgroupfs" && posix.basename(parent).endsWith(".slice")) {
    throw failedPrecondition(`read linux.cgroup_parent: ${quote(cgroupParent)} is a systemd slice`, {
      hint: "kubelet and runtime must use one cgroup driver, here cgroupfs",
    });
  }
  return { parent, isOurs: false };
}

/** The slice that is always there and that our own are in. */
export const systemSlice = "system.slice";

/**
 * The slice of a pod that names no cgroup, right below {@link systemSlice}: each dash of a name is a slice around it, and
 * one that several pods share could not be stopped without a look at who else is in it.
 */
export function ownSlice(prefix: string, sandboxId: string): string {
  return `system-${prefix.replaceAll("-", "_")}_${sandboxId}.slice`;
}

/** The sandbox that a slice is the {@link ownSlice} of; undefined when it is none. */
export function sandboxOfSlice(prefix: string, slice: string): string | undefined {
  const [before, after] = ownSlice(prefix, "|").split("|") as [string, string];
  if (!slice.startsWith(before) || !slice.endsWith(after)) return undefined;
  return slice.slice(before.length, -after.length);
}

/** The path of a slice below the hierarchy's root: `a-b.slice` is `/a.slice/a-b.slice` (systemd.slice(5)). */
export function slicePath(slice: string): string {
  const name = slice.slice(0, -".slice".length);
  if (name === "-") return "/";
  const parts = name.split("-");
  return `/${parts.map((_, index) => `${parts.slice(0, index + 1).join("-")}.slice`).join("/")}`;
}
