import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { OciRuntime } from "../oci/oci-runtime.ts";
import { isErrno } from "../sys/syscall-error.ts";
import type { ContainerDeps } from "./container-tools.ts";
import { endRun } from "./end-run.ts";
import { readBundleSpec } from "./read-bundle.ts";
import { imageMountOwner, removeImageMounts } from "./steps/mount-images.ts";
import { removeMountPoint, unmountIfMounted } from "./steps/mount-rootfs.ts";

export interface Leftovers {
  /** What was removed, for the log. */
  readonly removed: readonly string[];
  /** A sentence for each thing that could not be removed. */
  readonly left: readonly string[];
}

/**
 * Removes what has our name and no record: bundles with what may still run from them, mounted root file systems and
 * images, snapshots, notes of OCI runtimes, exit files. For the start of the daemon, when no container is in the making.
 */
export async function removeContainerLeftovers(recorded: ReadonlySet<string>, deps: ContainerDeps): Promise<Leftovers> {
  const { paths } = deps;
  const removed: string[] = [];
  const left: string[] = [];
  const attempt = async (what: string, remove: () => Promise<void>): Promise<void> => {
    try {
      await remove();
      removed.push(what);
    } catch (error) {
      left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const strays = async (folder: string): Promise<readonly string[]> =>
    (await list(folder)).filter((name) => !recorded.has(name) && !name.startsWith(".")); // crun has a `.cache` of its own

  for (const id of await strays(paths.bundles)) {
    await attempt(`bundle of container ${id}`, () => removeBundle(id, deps));
  }
  for (const runtime of runtimesIn(deps, await list(paths.runtimes))) {
    for (const id of await strays(runtime.stateFolder)) {
      await attempt(`OCI runtime's notes of container ${id}`, () => runtime.delete(id));
    }
  }
  for (const id of await strays(paths.roots)) {
    await attempt(`root file system of container ${id}`, async () => {
      await unmountIfMounted(paths.rootfs(id));
      await removeMountPoint(paths.rootfs(id));
    });
  }
  for (const id of await strays(paths.images)) {
    await attempt(`mounted images of container ${id}`, () => removeImageMounts(paths.imageMounts(id)));
  }
  const isRecorded = (key: string): boolean => recorded.has(imageMountOwner(key) ?? key);
  for (const key of (await deps.snapshots.list()).filter((one) => !isRecorded(one))) {
    await attempt(`snapshot of container ${key}`, () => deps.snapshots.remove(key));
  }
  for (const id of await strays(paths.exits)) {
    await attempt(`exit file of container ${id}`, () => rm(paths.exitFile(id), { force: true }));
  }
  return { removed, left };
}

async function removeBundle(id: string, deps: ContainerDeps): Promise<void> {
  const bundle = deps.paths.bundle(id);
  const linux = (await readBundleSpec(bundle))?.linux as { readonly cgroupsPath?: string } | undefined;
  for (const runtime of runtimesIn(deps, await list(deps.paths.runtimes))) {
    const plan = { id, bundle, cgroupsPath: linux?.cgroupsPath ?? "", runtime, bootId: deps.bootId };
    await endRun(plan, undefined, deps);
  }
  await rm(bundle, { recursive: true, force: true });
}

/** Who can read the notes in these folders: the runtime that wrote them, or where it is gone, the default one. */
function runtimesIn(deps: ContainerDeps, folders: readonly string[]): readonly OciRuntime[] {
  const known = [...deps.runtimes.values()];
  const fallback = deps.runtimes.get("");
  if (fallback === undefined) throw new Error("remove leftovers: there is no default OCI runtime");
  const stateFolders = new Set([fallback.stateFolder, ...folders.map((name) => join(deps.paths.runtimes, name))]);
  return [...stateFolders].map(
    (stateFolder) =>
      known.find((one) => one.stateFolder === stateFolder) ??
      new OciRuntime({ path: fallback.path, stateFolder, systemdCgroup: fallback.systemdCgroup }),
  );
}

async function list(folder: string): Promise<readonly string[]> {
  return await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
}
