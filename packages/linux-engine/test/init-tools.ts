import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { containerPaths } from "../src/container/container-paths.ts";
import { readBootId } from "../src/host/boot.ts";
import { readCgroupLayout } from "../src/host/cgroup-layout.ts";
import { readHostFacts } from "../src/host/read-host-facts.ts";
import { OciRuntime } from "../src/oci/oci-runtime.ts";
import { makeInitRootfs } from "../src/sandbox/init-rootfs.ts";
import type { InitTools } from "../src/sandbox/sandbox-tools.ts";
import { findProgram } from "../src/sys/find-program.ts";

/** What the engine runs first processes of pods with, by cgroupfs and runc. */
export async function initTools({
  root,
  state,
}: {
  readonly root: string;
  readonly state: string;
}): Promise<InitTools> {
  const paths = containerPaths(join(state, "pod-inits"));
  for (const folder of [paths.bundles, paths.exits, paths.runtimes, paths.tmp])
    await mkdir(folder, { recursive: true });
  const [conmon, runc] = ["conmon", "runc"].map((name) => findProgram(name) ?? name);
  const path = runc ?? "runc";
  return {
    paths,
    conmon: { path: conmon ?? "conmon", exitFolder: paths.exits, tmpFolder: paths.tmp },
    runtimes: new Map([["", new OciRuntime({ path, stateFolder: paths.runtimeState(path), systemdCgroup: false })]]),
    facts: readHostFacts(readCgroupLayout(), "cgroupfs", { recursiveReadOnlyMounts: false }),
    rootfs: await makeInitRootfs(root),
    bootId: readBootId(),
  };
}
