// A file system that is nobody else's: ext4 in a file, loop-mounted, beside a tmpfs as /run is one.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const sizeGiB = 6;

export interface Ext4Folder extends AsyncDisposable {
  /** The folder around all that follows. */
  readonly path: string;
  /** On ext4: what outlives a reboot. */
  readonly disk: string;
  /** On tmpfs: what does not. */
  readonly volatile: string;
  /** Unmounts everything below the folder, also what was left there, and removes it. Idempotent. */
  close(): Promise<void>;
}

/** @param parent where the file of the file system lies; all of its space is taken at once */
export async function openExt4Folder(parent: string): Promise<Ext4Folder> {
  const path = await mkdtemp(join(parent, "keelson-bench-"));
  const file = join(path, "ext4");
  const disk = join(path, "disk");
  const volatile = join(path, "run");
  const close = async (): Promise<void> => {
    for (const point of await mountsBelow(path)) await run("umount", [point]);
    await rm(path, { recursive: true, force: true });
  };
  try {
    await run("fallocate", ["--length", `${sizeGiB}GiB`, file]);
    // all tables written now, so that the kernel does not write them while something is measured
    await run("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", file], {
      env: paths,
    });
    for (const point of [disk, volatile]) await mkdir(point, { mode: 0o700 });
    await run("mount", ["-o", "loop", file, disk]);
    await run("mount", ["-t", "tmpfs", "-o", "mode=700", "tmpfs", volatile]);
    return { path, disk, volatile, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

const paths = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/** Mount points, the last mounted first. */
async function mountsBelow(path: string): Promise<readonly string[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${path}/`))
    .toReversed();
}
