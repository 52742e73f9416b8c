import { existsSync, readdirSync, readlinkSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";

/** One name of a folder, as {@link jailView} has to know it. */
export interface ViewEntry {
  readonly name: string;
  /** The target of a link, undefined for all else. */
  readonly link: string | undefined;
}

export interface JailViewOptions {
  /** Where something is mounted on the host. */
  readonly mountPoints: readonly string[];
  /** What the process needs to read: real paths, with all that is below them. */
  readonly needed: readonly string[];
  readonly list: (folder: string) => readonly ViewEntry[];
}

/**
 * Arguments of bwrap(1) that show the host's files, read-only, without mounts that the process has no use for: a copy of
 * a mount keeps its file system in use (a pod's namespace, its shared memory, a volume's disk) for as long as the
 * process lives, also when the host has unmounted it. Folders that hold such mounts are shown as far as they are needed,
 * and so is `/run`: whoever reaches a socket there (systemd's, a runtime's, this one's) commands the machine.
 */
export function jailView(options: JailViewOptions): string[] {
  const foreign = options.mountPoints.filter((point) => point !== "/" && !isRelated(point, options.needed));
  const args: string[] = [];
  const pending = ["/"];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    if (folder !== "/") args.push("--dir", folder);
    for (const { name, link } of options.list(folder)) {
      const path = join(folder, name);
      if (foreign.includes(path) || (folder !== "/" && !isRelated(path, options.needed))) continue;
      if (link !== undefined) args.push("--symlink", link, path);
      else if (holdsSockets(path, options.needed) || foreign.some((point) => isBelow(point, path))) pending.push(path);
      else args.push("--ro-bind", path, path);
    }
  }
  return args;
}

/** {@link ViewEntry} of the names in a folder of this machine. */
export function listFolder(folder: string): readonly ViewEntry[] {
  return readdirSync(folder, { withFileTypes: true }).map((entry) => ({
    name: entry.name,
    link: entry.isSymbolicLink() ? readlinkSync(join(folder, entry.name)) : undefined,
  }));
}

/** What a Node process needs of the system, and the folder with all modules that `entry` may import. */
export function neededByNode(entry: string): readonly string[] {
  const system = ["/usr", "/etc", "/lib", "/lib64", "/bin", "/sbin", "/etc/resolv.conf"].filter((path) =>
    existsSync(path),
  );
  return [...system, process.execPath, moduleRoot(entry)].map((path) => realpathSync(path));
}

/** The uppermost folder above a module that has a `node_modules`; else the module's own. */
function moduleRoot(entry: string): string {
  let found = dirname(entry);
  for (let folder = found; folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, "node_modules"))) found = folder;
  }
  return found;
}

/** True in `/run` for folders above those of needed files: a file alone would be kept as it is when it is replaced. */
function holdsSockets(path: string, needed: readonly string[]): boolean {
  if (path === "/run") return !needed.includes(path);
  return isBelow(path, "/run") && needed.some((each) => isBelow(dirname(each), path));
}

function isRelated(path: string, needed: readonly string[]): boolean {
  return needed.some((each) => each === path || isBelow(each, path) || isBelow(path, each));
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === "/" ? "/" : `${folder}/`);
}
