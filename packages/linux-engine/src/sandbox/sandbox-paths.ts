import { createHash } from "node:crypto";
import { join } from "node:path";

export interface EngineFolders {
  /** Survives a reboot, such as `/var/lib/keelson`. */
  readonly root: string;
  /** Does not survive a reboot, such as `/run/keelson`. */
  readonly state: string;
  /** Where network namespaces are pinned; default `/var/run/netns`, where Cilium and OVN look for them. */
  readonly netnsFolder?: string;
}

/** What a daemon's own names on the machine begin with, such as `keelson-1a2b3c4d`: two roots never meet. */
export function ownPrefix(root: string): string {
  return `keelson-${createHash("sha256").update(root).digest("hex").slice(0, 8)}`;
}

/** Where everything of one sandbox lies. All of it follows from its ID. */
export interface SandboxPaths {
  /** Files that containers get bind-mounted. */
  readonly files: {
    readonly folder: string;
    readonly hostname: string;
    readonly hosts: string;
    readonly resolvConf: string;
  };
  /** Mounts: namespaces and shared memory. */
  readonly stateFolder: string;
  readonly namespaceFolder: string;
  readonly shm: string;
  readonly netns: string;
  readonly ipc: string;
  readonly uts: string;
  /** Shared process IDs. */
  readonly pid: string;
}

/** Both below the root and below the state folder: one folder per sandbox, named by its ID. */
export const sandboxesFolder = "sandboxes";

export function sandboxPaths(folders: EngineFolders, id: string): SandboxPaths {
  const folder = join(folders.root, sandboxesFolder, id);
  const stateFolder = join(folders.state, sandboxesFolder, id);
  const namespaceFolder = join(stateFolder, "ns");
  return {
    files: {
      folder,
      hostname: join(folder, "hostname"),
      hosts: join(folder, "hosts"),
      resolvConf: join(folder, "resolv.conf"),
    },
    stateFolder,
    namespaceFolder,
    shm: join(stateFolder, "shm"),
    netns: join(netnsFolder(folders), `${ownPrefix(folders.root)}-${id.slice(0, 32)}`),
    ipc: join(namespaceFolder, "ipc"),
    uts: join(namespaceFolder, "uts"),
    pid: join(namespaceFolder, "pid"),
  };
}

export function netnsFolder(folders: EngineFolders): string {
  return folders.netnsFolder ?? "/var/run/netns";
}
