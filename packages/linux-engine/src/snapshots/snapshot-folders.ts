import { randomBytes } from "node:crypto";
import { closeSync, constants, openSync } from "node:fs";
import { chmod, lstat, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { failedPrecondition, quote } from "@keelson/cri-api/errors";
import type { EngineLog } from "../log.ts";
import { isErrno } from "../sys/syscall-error.ts";
import { TreeRemover } from "./tree-remover.ts";

export type Place = "sha256" | "containers" | "tmp";

const openFolder = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const places: readonly Place[] = ["sha256", "containers", "tmp"];

/**
 * The folders of all snapshots, opened once: whatever is put in their place later, things are made, renamed and removed
 * in what was opened. Only root may enter them (THREATS T7.01, T4.04).
 */
export class SnapshotFolders implements AsyncDisposable {
  readonly root: string;
  readonly remover: TreeRemover;
  readonly #fds: ReadonlyMap<Place, number>;

  private constructor(root: string, log: EngineLog) {
    this.root = root;
    this.#fds = new Map(places.map((place) => [place, openSync(join(root, place), openFolder)]));
    this.remover = new TreeRemover(this.fd("tmp"), log);
  }

  /** Makes them where they are missing. @throws FAILED_PRECONDITION when one is no folder of root's */
  static async open(root: string, log: EngineLog): Promise<SnapshotFolders> {
    await ownFolder(root, 0o700);
    for (const place of places) await ownFolder(join(root, place), 0o700);
    // The lower folder of images without layers, whose root folder everybody may enter.
    await ownFolder(join(root, "empty"), 0o755);
    return new SnapshotFolders(root, log);
  }

  fd(place: Place): number {
    const fd = this.#fds.get(place);
    if (fd === undefined) throw new Error(`there is no folder ${place}`);
    return fd;
  }

  /** A path that begins at an open folder. */
  path(place: Place, ...names: readonly string[]): string {
    return join(`/proc/self/fd/${this.fd(place)}`, ...names);
  }

  /** A new folder in `tmp`, by name. */
  async makeTemporary(prefix: string): Promise<string> {
    const name = `${prefix}-${randomBytes(12).toString("hex")}`;
    await mkdir(this.path("tmp", name), { mode: 0o700 });
    return name;
  }

  /** Moves something out of its place, as it is, and has it removed. Succeeds when it is not there. */
  async throwAway(place: Exclude<Place, "tmp">, name: string): Promise<void> {
    const waste = `waste-${randomBytes(12).toString("hex")}`;
    try {
      await rename(this.path(place, name), this.path("tmp", waste));
    } catch (error) {
      if (isErrno(error, "ENOENT")) return;
      throw error;
    }
    this.remover.remove(waste);
  }

  async close(): Promise<void> {
    await this.remover.close();
    for (const fd of this.#fds.values()) closeSync(fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function ownFolder(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error;
  }
  const stats = await lstat(path);
  if (!stats.isDirectory()) throw failedPrecondition(`use folder ${quote(path)}: it is no folder`);
  if (stats.uid !== process.getuid?.()) {
    throw failedPrecondition(`use folder ${quote(path)}: it belongs to user ${stats.uid}`, {
      hint: "give it to root, or use another root folder",
    });
  }
  await chmod(path, mode); // whatever the umask is
}
