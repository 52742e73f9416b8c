import { mkdir, rmdir } from "node:fs/promises";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { type AnyStep, step } from "@keelson/runtime-core/ports";
import { statInRoot } from "../../sys/in-root.ts";
import { unmount } from "../../sys/mount.ts";
import { overlayMount } from "../../sys/overlay-mount.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";

export type MountRootfsPlan = { readonly key: string; readonly image: string; readonly target: string };

/** Makes the container's writable layer and mounts it above the image's. */
export const mountRootfs: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  MountRootfsPlan,
  Record<string, never>
>({
  name: "mount-rootfs",
  heldUntil: "remove",
  plan: ({ record }, tools) => ({
    key: record.id,
    image: record.image.id,
    target: tools.paths.rootfs(record.id),
  }),
  apply: async (plan, tools, task) => {
    task.stage("waiting for the snapshot", `of image ${plan.image}`);
    const { lower, upper, work } = await tools.snapshots.prepare(plan.key, plan.image);
    await mkdir(plan.target, { recursive: true, mode: 0o700 });
    await overlayMount({ target: plan.target, lower, upper: { folder: upper, work } });
    await refuseTraps(plan.target);
    return {};
  },
  revert: async (plan, _facts, tools) => {
    await unmountIfMounted(plan.target);
    await removeMountPoint(plan.target);
    await tools.snapshots.remove(plan.key);
  },
});

/**
 * The OCI runtime mounts on these by path; a link there would steer it to the host (THREATS T3.04).
 * @throws FAILED_PRECONDITION
 */
async function refuseTraps(rootfs: string): Promise<void> {
  for (const path of ["/dev", "/proc", "/sys"]) {
    const stats = await statInRoot(rootfs, path, { followLink: false });
    if (stats === undefined || stats.isDirectory()) continue;
    throw failedPrecondition(`use the image's root file system: ${quote(path)} is not a folder`, {
      hint: "the image is broken or hostile: have its publisher build it again",
    });
  }
}

/** Detached, so that a process of the host that looks into it can't keep it. */
export async function unmountIfMounted(target: string): Promise<void> {
  try {
    await unmount(target, { detach: true });
  } catch (error) {
    if (!isErrno(error, "EINVAL", "ENOENT")) throw error;
  }
}

/** Never recursive: what is not empty is a mount that is still there. */
export async function removeMountPoint(target: string): Promise<void> {
  try {
    await rmdir(target);
  } catch (error) {
    if (!isErrno(error, "ENOENT")) throw error;
  }
}
