import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, invalidArgument, quote } from "@keelson/cri-api/errors";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { LimitFile } from "./limit-files.ts";

/** What a cgroup's files held before they were written. */
export type FormerLimits = readonly LimitFile[];

/**
 * Reads what limits hold now, so that {@link writeLimits} can put it back.
 * @param path the cgroup below its hierarchy's root
 */
export async function readLimits(
  layout: CgroupLayout,
  path: string,
  files: readonly LimitFile[],
): Promise<FormerLimits> {
  return await Promise.all(
    files.map(async (one) => ({ ...one, value: (await readFile(pathOf(layout, path, one), "utf8")).trim() })),
  );
}

/**
 * Writes limits into a cgroup. Some depend on each other (memory and memory with swap, quota and period): what the kernel
 * refuses is tried again after the others, as long as that helps.
 * @throws INVALID_ARGUMENT for what the kernel does not take here; FAILED_PRECONDITION for a limit below what is in use
 */
export async function writeLimits(layout: CgroupLayout, path: string, files: readonly LimitFile[]): Promise<void> {
  let left = files;
  while (left.length > 0) {
    const refused: LimitFile[] = [];
    let first: unknown;
    for (const one of left) {
      try {
        await writeFile(pathOf(layout, path, one), one.value);
      } catch (error) {
        first ??= refusal(one, error);
        refused.push(one);
      }
    }
    if (refused.length === left.length) throw first;
    left = refused;
  }
}

function pathOf(layout: CgroupLayout, path: string, { controller, name }: LimitFile): string {
  const root = layout.version === 2 ? layout.unified : layout.mounts.get(controller);
  return join(root ?? "/sys/fs/cgroup", path, name);
}

function refusal({ name, value }: LimitFile, cause: unknown): unknown {
  const what = `set ${name} to ${quote(value)}`;
  if (isErrno(cause, "EBUSY")) {
    return failedPrecondition(`${what}: more is in use`, { cause, hint: "a limit can't go below what is in use" });
  }
  if (isErrno(cause, "EINVAL", "ERANGE", "EACCES", "ENOSPC")) {
    return invalidArgument(`${what}: the kernel does not take it`, {
      cause,
      hint: "see whether it fits the limits of the pod, and this machine",
    });
  }
  return isErrno(cause, "ENODEV") ? failedPrecondition(`${what}: the cgroup is gone`, { cause }) : cause;
}
