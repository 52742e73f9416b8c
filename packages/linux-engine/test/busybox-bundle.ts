import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new folder that no other test has. */
export function makeTestFolder(): string {
  return mkdtempSync(join(tmpdir(), "keelson-container-"));
}

/** A root file system with nothing but busybox in it. */
export function makeBusyboxRootfs(folder: string): string {
  const rootfs = join(folder, "busybox");
  for (const name of ["bin", "proc", "sys", "dev", "tmp", "etc"]) mkdirSync(join(rootfs, name), { recursive: true });
  copyFileSync("/usr/bin/busybox", join(rootfs, "bin/busybox"));
  for (const name of ["sh", "sleep", "cat", "echo", "kill", "id", "head", "yes", "setsid", "true", "dd", "ls"]) {
    symlinkSync("busybox", join(rootfs, "bin", name));
  }
  return rootfs;
}

export interface BundleOptions {
  readonly folder: string;
  readonly rootfs: string;
  readonly args: readonly string[];
  readonly cgroupsPath: string;
}

/** A bundle without the engine's own builder: a container in the host's network. */
export function writeBundle(options: BundleOptions): void {
  mkdirSync(options.folder, { recursive: true });
  const namespaces = ["pid", "ipc", "uts", "mount"].map((type) => ({ type }));
  const config = {
    ociVersion: "1.0.2",
    root: { path: options.rootfs, readonly: false },
    process: {
      terminal: false,
      user: { uid: 0, gid: 0, additionalGids: [] },
      args: options.args,
      env: ["PATH=/bin"],
      cwd: "/",
      capabilities: { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] },
      noNewPrivileges: true,
    },
    mounts: [{ destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] }],
    linux: { namespaces, cgroupsPath: options.cgroupsPath, resources: { devices: [{ allow: false, access: "rwm" }] } },
  };
  writeFileSync(join(options.folder, "config.json"), JSON.stringify(config));
}
