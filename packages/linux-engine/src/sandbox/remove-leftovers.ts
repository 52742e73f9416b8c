import { readdir, rm, rmdir } from "node:fs/promises";
import { join, posix } from "node:path";
import { hierarchyRoots, removeFolderIfEmpty } from "../cgroup/cgroup-folders.ts";
import { ownSlice, sandboxOfSlice, systemSlice } from "../cgroup/pod-cgroup.ts";
import { stopSlice } from "../cgroup/stop-slice.ts";
import { endRun } from "../container/end-run.ts";
import { readBundleSpec } from "../container/read-bundle.ts";
import { childCgroups, removeCgroupEverywhere } from "../oci/container-cgroup.ts";
import { unpinNamespace } from "../sys/namespace-pin.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { type EngineFolders, netnsFolder, ownPrefix, sandboxesFolder, sandboxPaths } from "./sandbox-paths.ts";
import type { SandboxDeps } from "./sandbox-tools.ts";
import { unmountShm } from "./steps/mount-shm.ts";
import { removeFiles } from "./steps/write-files.ts";

export interface Leftovers {
  /** What was removed, for the log. */
  readonly removed: readonly string[];
  /** A sentence for each thing that could not be removed. */
  readonly left: readonly string[];
}

const idPattern = /^[0-9a-f]{64}$/;

/**
 * Removes what has our name and no record: attachments, pins, shared memory, files and cgroups of sandboxes that
 * `recorded` does not name. For the start of the daemon, when no sandbox is in the making; containers without a record
 * have been removed before.
 */
export async function removeSandboxLeftovers(recorded: ReadonlySet<string>, deps: SandboxDeps): Promise<Leftovers> {
  const removed: string[] = [];
  const left: string[] = [...(await deps.network.removeUnrecorded(recorded))];
  const attempt = async (what: string, remove: () => unknown): Promise<void> => {
    try {
      await remove();
      removed.push(what);
    } catch (error) {
      left.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  for (const id of await strayFolders(deps.init.paths.bundles, recorded)) {
    await attempt(`first process of sandbox ${id}`, () => removeInit(deps, id));
  }
  for (const path of await strayNetns(deps.folders, recorded)) {
    await attempt(`network namespace ${path}`, () => unpinNamespace(path));
  }
  for (const id of await strayFolders(join(deps.folders.state, sandboxesFolder), recorded)) {
    await attempt(`mounts of sandbox ${id}`, () => removeState(deps, id));
  }
  for (const id of await strayFolders(join(deps.folders.root, sandboxesFolder), recorded)) {
    await attempt(`files of sandbox ${id}`, () => removeFiles(sandboxPaths(deps.folders, id).files.folder));
  }
  for (const id of strayCgroups(deps, recorded)) {
    await attempt(`cgroup of sandbox ${id}`, () => removeCgroups(deps, id));
  }
  return { removed, left };
}

async function strayNetns(folders: EngineFolders, recorded: ReadonlySet<string>): Promise<readonly string[]> {
  const known = new Set([...recorded].map((id) => sandboxPaths(folders, id).netns));
  const folder = netnsFolder(folders);
  const names = (await list(folder)).filter((name) => name.startsWith(`${ownPrefix(folders.root)}-`));
  return names.map((name) => join(folder, name)).filter((path) => !known.has(path));
}

async function strayFolders(folder: string, recorded: ReadonlySet<string>): Promise<readonly string[]> {
  return (await list(folder)).filter((name) => idPattern.test(name) && !recorded.has(name));
}

function strayCgroups(deps: SandboxDeps, recorded: ReadonlySet<string>): readonly string[] {
  const { driver, prefix } = deps.cgroups;
  const below = (path: string): readonly string[] =>
    hierarchyRoots(deps.cgroupLayout()).flatMap((root) => childCgroups(posix.join(root, path)));
  const names =
    driver === "systemd" ? below(systemSlice).flatMap((slice) => sandboxOfSlice(prefix, slice) ?? []) : below(prefix);
  return [...new Set(names)].filter((name) => idPattern.test(name) && !recorded.has(name));
}

async function removeState(deps: SandboxDeps, id: string): Promise<void> {
  const { shm, ipc, uts, pid, namespaceFolder, stateFolder } = sandboxPaths(deps.folders, id);
  for (const pin of [ipc, uts, pid]) await unpinNamespace(pin);
  await rmdir(namespaceFolder).catch(ignoreMissing);
  await unmountShm(shm);
  await rmdir(stateFolder).catch(ignoreMissing);
}

/** Whatever runtime it was run by: all of them are asked. */
async function removeInit(deps: SandboxDeps, id: string): Promise<void> {
  const { paths, runtimes, bootId } = deps.init;
  const bundle = paths.bundle(id);
  const linux = (await readBundleSpec(bundle))?.linux as { readonly cgroupsPath?: string } | undefined;
  for (const runtime of runtimes.values()) {
    const plan = { id, bundle, cgroupsPath: linux?.cgroupsPath ?? "", runtime, bootId };
    await endRun(plan, undefined, { bootId, paths, cgroupLayout: deps.cgroupLayout });
  }
  await rm(bundle, { recursive: true, force: true });
}

async function removeCgroups(deps: SandboxDeps, id: string): Promise<void> {
  if (deps.cgroups.driver === "systemd") return await stopSlice(ownSlice(deps.cgroups.prefix, id));
  const layout = deps.cgroupLayout();
  const path = posix.join("/", deps.cgroups.prefix, id);
  await removeCgroupEverywhere(layout, path);
  for (const root of hierarchyRoots(layout)) removeFolderIfEmpty(posix.join(root, deps.cgroups.prefix));
}

async function list(folder: string): Promise<readonly string[]> {
  return readdir(folder).catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return [];
    throw error;
  });
}

function ignoreMissing(error: unknown): void {
  if (!isErrno(error, "ENOENT")) throw error;
}
