import { posix } from "node:path";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import { checkPathText } from "./path-rules.ts";

export type CgroupDriver = "cgroupfs" | "systemd";

/** systemd.slice(5): dashes stand between the slices of its path, or it is the root. A colon would part `cgroupsPath`. */
const sliceName = /^(?:-|[A-Za-z0-9_.\\@]+(?:-[A-Za-z0-9_.\\@]+)*)\.slice$/;

export interface CgroupsPathInput {
  /** `cgroup_parent` of the sandbox; "" takes `fallbackParent`. */
  readonly cgroupParent: string;
  readonly fallbackParent: string;
  readonly driver: CgroupDriver;
  /** The container's ID. */
  readonly id: string;
}

/**
 * `linux.cgroupsPath`: with cgroupfs `PARENT/ID`; with systemd `SLICE:keelson:ID`, the form that runc and crun turn
 * into the scope `keelson-ID.scope` of the slice. Of a systemd parent only the last part counts: a slice's name tells
 * its whole path. The result never leaves the parent (THREATS T6.03).
 * @throws INVALID_ARGUMENT for a parent with `..`, control characters or NUL; FAILED_PRECONDITION when it does not fit
 *   the driver
 */
export function buildCgroupsPath(input: CgroupsPathInput): string {
  const parent = checkCgroupParent(input.cgroupParent === "" ? input.fallbackParent : input.cgroupParent, input.driver);
  return input.driver === "systemd" ? `${parent}:keelson:${input.id}` : posix.join(parent, input.id);
}

/** The parent as {@link buildCgroupsPath} uses it: an absolute path, or the name of a slice. @throws as that does */
export function checkCgroupParent(cgroupParent: string, driver: CgroupDriver): string {
  const field = "linux.cgroup_parent";
  checkPathText(cgroupParent, field);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (/[\u0000-\u001f\u007f]/.test(cgroupParent)) {
    throw invalidArgument(`read ${field}: ${quote(cgroupParent)} holds control characters`);
  }
  const parts = cgroupParent.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw invalidArgument(`read ${field}: ${quote(cgroupParent)} holds ".."`);
  if (driver === "cgroupfs") return `/${parts.join("/")}`;
  const slice = parts.at(-1) ?? "";
  if (!sliceName.test(slice)) {
    throw failedPrecondition(`read ${field}: ${quote(cgroupParent)} is not a systemd slice`, {
      hint: "kubelet and runtime must use one cgroup driver, here systemd",
    });
  }
  return slice;
}
