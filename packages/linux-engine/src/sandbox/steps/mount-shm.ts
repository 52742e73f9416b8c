import { mkdir, rmdir } from "node:fs/promises";
import { dirname } from "node:path";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import { hostNamespaces } from "../../spec/namespaces.ts";
import { mount, unmount } from "../../sys/mount.ts";
import { isErrno } from "../../sys/syscall-error.ts";
import { sandboxPaths } from "../sandbox-paths.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

type Plan = { readonly target: string; readonly sizeKib: number };

const sizeKib = 64 * 1024;

/**
 * The `/dev/shm` that a pod's containers share; pods in the host's IPC namespace have the host's. Its size is limited,
 * its pages are charged to the container that writes them, and it goes with the pod (CVE-2024-3056).
 */
export const mountShm: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  Plan,
  Record<string, never>
>({
  name: "mount-shm",
  heldUntil: "stop",
  plan: ({ id, config }, { folders }) =>
    hostNamespaces(config).ipc ? undefined : { target: sandboxPaths(folders, id).shm, sizeKib },
  apply: async ({ target, sizeKib: size }) => {
    await mkdir(target, { recursive: true, mode: 0o700 });
    await mount({
      source: "shm",
      target,
      type: "tmpfs",
      flags: ["noSuid", "noDev", "noExec"],
      data: `mode=1777,size=${size}k`,
    });
    return {};
  },
  revert: ({ target }) => unmountShm(target),
});

/** Idempotent; what is around it stays while another thing is in it. */
export async function unmountShm(target: string): Promise<void> {
  while (await unmountOnce(target));
  for (const folder of [target, dirname(target)]) {
    await rmdir(folder).catch((error: unknown) => {
      if (!isErrno(error, "ENOENT", "ENOTEMPTY")) throw error;
    });
  }
}

/** False when nothing is mounted there. */
async function unmountOnce(target: string): Promise<boolean> {
  try {
    await unmount(target, { detach: true });
    return true;
  } catch (error) {
    if (isErrno(error, "EINVAL", "ENOENT")) return false;
    throw error;
  }
}
