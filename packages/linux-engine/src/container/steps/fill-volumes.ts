import { closeSync, constants } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import { type AnyStep, type Json, step, type Task } from "@keelson/runtime-core/ports";
import { imageVolumes, type VolumeMount } from "../../spec/index.ts";
import { openInRoot } from "../../sys/in-root.ts";
import { run } from "../../sys/run.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import type { ContainerSubject, ContainerTools } from "../container-tools.ts";
import { volumesOf } from "./hold-image.ts";

export type FillVolumesPlan = { readonly key: string; readonly rootfs: string; readonly targets: readonly string[] };

export type FillVolumesFacts = {
  readonly volumes: readonly { readonly target: string; readonly source: string }[];
};

const fillVolumesName = "fill-volumes";

/** The folder beside the writable layer that holds them. */
const folderName = "volumes";

const copyDeadlineMs = 10 * 60 * 1000;

/**
 * Makes a folder for each volume of the image and fills it with what the image has there, owners and modes included. It
 * is the container's own and goes with it.
 */
export const fillVolumes: AnyStep<ContainerSubject, ContainerTools> = step<
  ContainerSubject,
  ContainerTools,
  FillVolumesPlan,
  FillVolumesFacts
>({
  name: fillVolumesName,
  heldUntil: "remove",
  plan: ({ record }, { paths }, earlier) => {
    const { targets } = imageVolumes(volumesOf(earlier), record.config.mounts);
    return targets.length === 0 ? undefined : { key: record.id, rootfs: paths.rootfs(record.id), targets };
  },
  apply: async ({ key, rootfs, targets }, { snapshots }, task) => {
    const folder = await snapshots.addFolder(key, folderName);
    const volumes: VolumeMount[] = [];
    for (const [index, target] of targets.entries()) {
      const source = join(folder, String(index));
      await mkdir(source, { mode: 0o755 });
      task.stage("copying the image's volume", quote(target));
      await copyUp(rootfs, target, source, task);
      volumes.push({ target, source });
    }
    return { volumes };
  },
  revert: ({ key }, _facts, { snapshots }) => snapshots.removeFolder(key, folderName),
});

/** What was made of the image's volumes; empty where it has none. */
export function filledVolumes(earlier: ReadonlyMap<string, Json>): readonly VolumeMount[] {
  return (earlier.get(fillVolumesName) as FillVolumesFacts | undefined)?.volumes ?? [];
}

/**
 * Copies a folder of a root file system that nobody else touches yet; what is not there is left empty. The path is
 * resolved inside of it, and `cp` follows no link (THREATS T4.01).
 * @throws FAILED_PRECONDITION when it is no folder
 */
async function copyUp(rootfs: string, path: string, into: string, task: Task): Promise<void> {
  let fd: number;
  try {
    fd = await openInRoot(rootfs, path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "ENOTDIR", "ELOOP")) throw error;
    throw failedPrecondition(`make the image's volume ${quote(path)}: it is not a folder`, {
      cause: error,
      hint: "the image is broken: have its publisher build it again",
    });
  }
  try {
    // `-T` with `.`: owner and mode of the folder itself, too
    await run(["cp", "--archive", "--one-file-system", "-T", "--", "/proc/self/fd/3/.", into], {
      deadlineMs: copyDeadlineMs,
      signal: task.signal,
      descriptors: { 3: fd },
    });
  } finally {
    closeSync(fd);
  }
}
