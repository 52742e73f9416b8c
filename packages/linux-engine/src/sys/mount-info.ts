import { readFile } from "node:fs/promises";

/** One line of `/proc/PID/mountinfo` (proc(5)). */
export interface MountInfo {
  readonly id: number;
  readonly parentId: number;
  /** `major:minor` of the file system. */
  readonly device: string;
  /** What of the file system is shown: a path in it, or `net:[4026531840]` and the like for a pinned namespace. */
  readonly root: string;
  readonly mountPoint: string;
  /** Options of this mount, such as `ro` and `nosuid`. */
  readonly options: readonly string[];
  /** Optional fields, such as `shared:1` and `master:2`. */
  readonly tags: readonly string[];
  readonly type: string;
  readonly source: string;
  /** Options of the file system. */
  readonly superOptions: readonly string[];
}

/** What is mounted in the mount namespace of a process, in the kernel's order: a later mount covers an earlier one. */
export async function readMountInfo(pid: number | "self" = "self"): Promise<readonly MountInfo[]> {
  return parseMountInfo(await readFile(`/proc/${pid}/mountinfo`));
}

/** Parses the text of a mountinfo file. @throws Error for a line that is none */
export function parseMountInfo(text: Buffer): readonly MountInfo[] {
  // Paths are bytes and may hold anything: the kernel escapes what would split a line as octal numbers.
  const lines = text.toString("latin1").split("\n");
  return lines.filter((line) => line !== "").map(parseLine);
}

/** True when something is mounted exactly there (an absolute path without links or `..`). */
export async function isMounted(path: string): Promise<boolean> {
  return (await readMountInfo()).some((mount) => mount.mountPoint === path);
}

function parseLine(line: string): MountInfo {
  const fields = line.split(" ");
  const dash = fields.indexOf("-", 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [type, source, superOptions] = fields.slice(dash + 1);
  if (dash === -1 || options === undefined || superOptions === undefined) {
    throw new Error(`parse mountinfo: ${JSON.stringify(line)} is not a line of it`);
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device: device ?? "",
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(","),
    tags: fields.slice(6, dash),
    type: unescapeOctal(type),
    source: unescapeOctal(source),
    superOptions: superOptions.split(",").map(unescapeOctal),
  };
}

function unescapeOctal(text = ""): string {
  const bytes = text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
  return Buffer.from(bytes, "latin1").toString("utf8");
}
