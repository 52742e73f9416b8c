import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { hierarchyRoots, removeFolderIfEmpty } from "../cgroup/cgroup-folders.ts";
import { type CgroupScheme, podCgroup, systemSlice } from "../cgroup/pod-cgroup.ts";
import { readCgroupLayout } from "../host/cgroup-layout.ts";
import { buildCgroupsPath } from "../spec/index.ts";
import { describeExit } from "../sys/process-error.ts";
import { run } from "../sys/run.ts";
import { cgroupPath } from "./cgroup-path.ts";
import { childCgroups, removeCgroupEverywhere } from "./container-cgroup.ts";
import { OciRuntime } from "./oci-runtime.ts";
import { runtimeMessage } from "./runtime-error.ts";
import { tinyProgram, tinyProgramExitCode } from "./tiny-program.ts";

export interface ProbePlace {
  /** A folder on a file system from which programs may be executed: `/run` often is none. */
  readonly folder: string;
  readonly cgroups: CgroupScheme;
}

const deadlineMs = 30_000;

/**
 * Runs a container of one tiny program with namespaces, mounts and a cgroup of its own, as this engine's containers have
 * them. Leaves nothing behind.
 * @returns why the runtime cannot be used here; undefined when the program ran and its exit code came back
 */
export async function probeContainer(path: string, place: ProbePlace): Promise<string | undefined> {
  await mkdir(place.folder, { recursive: true, mode: 0o700 });
  const folder = await mkdtemp(join(place.folder, "probe-"));
  const id = `probe-${randomBytes(8).toString("hex")}`;
  const systemdCgroup = place.cgroups.driver === "systemd";
  const runtime = new OciRuntime({ path, stateFolder: join(folder, "state"), systemdCgroup });
  const cgroupsPath = buildCgroupsPath({
    cgroupParent: "",
    fallbackParent: probeParent(place.cgroups),
    driver: place.cgroups.driver,
    id,
  });
  try {
    await writeProbeBundle(folder, cgroupsPath);
    const argv = [path, ...runtime.globalArguments, ...(systemdCgroup ? ["--systemd-cgroup"] : [])] as const;
    const result = await run([...argv, "run", "--bundle", folder, id], { deadlineMs, anyExit: true });
    if (result.exit.code === tinyProgramExitCode) return undefined;
    const said = runtimeMessage(result.stderr.toString("utf8"));
    return said === "" ? `its container ended with ${describeExit(result.exit)}` : said;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await runtime.delete(id);
    await rm(folder, { recursive: true, force: true });
    await removeProbeCgroup(cgroupPath(cgroupsPath), systemdCgroup);
  }
}

/** Removes what is left of probes whose daemon was killed meanwhile. For the start of the daemon, before it probes. */
export async function removeProbeLeftovers(place: ProbePlace): Promise<void> {
  await rm(place.folder, { recursive: true, force: true });
  if (place.cgroups.driver === "systemd") return;
  const parent = probeParent(place.cgroups);
  const names = hierarchyRoots(readCgroupLayout()).flatMap((root) => childCgroups(posix.join(root, parent)));
  for (const name of new Set(names)) await removeProbeCgroup(posix.join(parent, name), false);
}

/** With systemd a slice that is there anyway: one of our own would stay. */
function probeParent(cgroups: CgroupScheme): string {
  return cgroups.driver === "systemd" ? systemSlice : podCgroup(cgroups, "probe", "").parent;
}

/** A runtime may leave it where its last process had not quite gone. */
async function removeProbeCgroup(path: string, systemdCgroup: boolean): Promise<void> {
  const layout = readCgroupLayout();
  await removeCgroupEverywhere(layout, path);
  if (systemdCgroup) return;
  for (const above of [dirname(path), dirname(dirname(path))]) {
    for (const root of hierarchyRoots(layout)) removeFolderIfEmpty(posix.join(root, above));
  }
}

async function writeProbeBundle(folder: string, cgroupsPath: string): Promise<void> {
  const rootfs = join(folder, "rootfs");
  for (const name of ["", "proc", "dev", "sys"]) {
    await mkdir(join(rootfs, name), { mode: 0o755 });
  }
  await writeFile(join(rootfs, "program"), tinyProgram(process.arch));
  await chmod(join(rootfs, "program"), 0o755);
  const mount = (destination: string, type: string, options: readonly string[]) => ({
    destination,
    type,
    source: type,
    options,
  });
  const none: readonly string[] = [];
  const config = {
    ociVersion: "1.0.2",
    root: { path: rootfs, readonly: true },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["/program"],
      env: none,
      cwd: "/",
      capabilities: { bounding: none, effective: none, permitted: none, inheritable: none, ambient: none },
      noNewPrivileges: true,
    },
    mounts: [
      mount("/proc", "proc", ["nosuid", "noexec", "nodev"]),
      mount("/dev", "tmpfs", ["nosuid", "mode=755"]),
      mount("/sys", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
      mount("/sys/fs/cgroup", "cgroup", ["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ],
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount", "cgroup"].map((type) => ({ type })),
      cgroupsPath,
      resources: { devices: [{ allow: false, access: "rwm" }] },
    },
  };
  await writeFile(join(folder, "config.json"), JSON.stringify(config));
}
