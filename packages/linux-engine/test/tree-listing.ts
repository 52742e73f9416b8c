import { closeSync, constants, openSync, readFileSync } from "node:fs";
import { type FileStatus, fileType, openAt, readLinkAt, readNames, statAt, statFd } from "../src/sys/at.ts";
import { readXattrs } from "../src/sys/xattr.ts";

/** One file as a test compares it. */
export interface Listed {
  readonly kind: string;
  readonly mode: number;
  readonly owner: string;
  readonly mtimeNs: bigint;
  /** Content, target of a link, numbers of a device. */
  readonly holds: string;
  readonly xattrs: Readonly<Record<string, string>>;
}

const kinds = new Map<number, string>(Object.entries(fileType).map(([kind, type]) => [type, kind]));

/** Everything below a folder, by path in Latin-1; the folder itself is ".". What is listed but has no status is "ghost". */
export function listTree(folder: string): Map<string, Listed> {
  const all = new Map<string, Listed>();
  const walk = (fd: number, prefix: string): void => {
    for (let names = readNames(fd); names.length > 0; names = readNames(fd)) {
      for (const name of names) {
        const path = `${prefix}${name.toString("latin1")}`;
        const status = statAt(fd, name);
        if (status === undefined) {
          all.set(path, { kind: "ghost", mode: 0, owner: "", mtimeNs: 0n, holds: "", xattrs: {} });
          continue;
        }
        all.set(path, describe(fd, name, status));
        if (status.type !== fileType.folder) continue;
        const child = openAt(fd, name, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        walk(child, `${path}/`);
        closeSync(child);
      }
    }
  };
  const root = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  const status = statFd(root);
  all.set(".", listed(status, "", readXattrs(root)));
  walk(root, "");
  closeSync(root);
  return all;
}

/** Paths and kinds only: `["dir folder", "dir/f file"]`, sorted. */
export function listKinds(folder: string): string[] {
  return [...listTree(folder)]
    .filter(([path]) => path !== ".")
    .map(([path, { kind }]) => `${path} ${kind}`)
    .sort();
}

function describe(fd: number, name: Buffer, status: FileStatus): Listed {
  if (status.type === fileType.symlink) return listed(status, readLinkAt(fd, name).toString("latin1"), new Map());
  if (status.type !== fileType.file && status.type !== fileType.folder) {
    return listed(status, `${status.major}:${status.minor}`, new Map());
  }
  const file = openAt(fd, name, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const content = status.type === fileType.file ? readFileSync(file, "latin1") : "";
    return listed(status, content, readXattrs(file));
  } finally {
    closeSync(file);
  }
}

function listed(status: FileStatus, holds: string, xattrs: ReadonlyMap<string, Buffer>): Listed {
  return {
    kind: kinds.get(status.type) ?? "unknown",
    mode: status.mode,
    owner: `${status.uid}:${status.gid}`,
    mtimeNs: status.mtimeNs,
    holds,
    xattrs: Object.fromEntries([...xattrs].map(([key, value]) => [key, value.toString("latin1")])),
  };
}
