import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, rename, rm, stat, unlink } from "node:fs/promises";
import net from "node:net";
import { basename, dirname, join } from "node:path";
import { alreadyExists, failedPrecondition, invalidArgument } from "@keelson/cri-api/errors";

/** A socket that listens under its path. */
export interface BoundSocket {
  readonly path: string;
  /** Removes the path if it is still this socket. Idempotent. */
  unlink(): Promise<void>;
}

/** Anything of node:net's kind that can listen on a path. */
export interface PathListener {
  listen(path: string, listening: () => void): unknown;
  once(event: "error", failed: (error: Error) => void): unknown;
  removeListener(event: "error", failed: (error: Error) => void): unknown;
}

/**
 * Listens on a path with these mode bits and never, not for a moment and whatever the umask, with more: the socket is
 * bound in a folder that only its owner may enter, gets its mode there, and is moved into place. What a dead runtime
 * left under the path is replaced. The folder is made with mode 0700 when it is not there.
 * @throws ALREADY_EXISTS when a runtime listens there; FAILED_PRECONDITION when something else is there, or when anybody
 *   may replace what is in the folder
 */
export async function listenOnPath(server: PathListener, path: string, mode: number): Promise<BoundSocket> {
  const folder = dirname(path);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await refuseOpenFolder(folder);
  await refuseTaken(path);

  const cell = join(folder, `.${randomBytes(3).toString("hex")}`);
  const birthplace = join(cell, basename(path).slice(0, 1));
  if (Buffer.byteLength(birthplace) > 107) {
    throw invalidArgument(`listen on ${path}: a socket path has at most 107 bytes`, {
      hint: "choose a shorter folder",
    });
  }
  await mkdir(cell, { mode: 0o700 });
  try {
    // a tight umask may have taken bits that the owner needs
    await chmod(cell, 0o700);
    await listen(server, birthplace);
    await chmod(birthplace, mode);
    const { dev, ino } = await lstat(birthplace);
    await rename(birthplace, path);
    return { path, unlink: () => unlinkOwn(path, { dev, ino }) };
  } finally {
    await rm(cell, { recursive: true, force: true });
  }
}

async function listen(server: PathListener, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

async function refuseOpenFolder(folder: string): Promise<void> {
  const { mode } = await stat(folder);
  if ((mode & 0o002) !== 0 && (mode & 0o1000) === 0) {
    throw failedPrecondition(`listen in ${folder}: anybody may replace what is in it`, { hint: `chmod o-w ${folder}` });
  }
}

async function refuseTaken(path: string): Promise<void> {
  const there = await lstat(path).catch(unlessMissing);
  if (there === undefined) return;
  if (!there.isSocket()) {
    throw failedPrecondition(`listen on ${path}: it is there and no socket`, {
      hint: "remove it or choose another path",
    });
  }
  if (await answers(path)) {
    throw alreadyExists(`listen on ${path}: another runtime listens there`, {
      hint: "stop it, or choose another path",
    });
  }
}

/** False only when nothing listens: what can't be asked is taken to be alive. */
async function answers(path: string): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = net.connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code !== "ECONNREFUSED" && error.code !== "ENOENT"),
    );
  });
}

async function unlinkOwn(path: string, own: { readonly dev: number; readonly ino: number }): Promise<void> {
  const there = await lstat(path).catch(unlessMissing);
  if (there === undefined || there.dev !== own.dev || there.ino !== own.ino) return;
  await unlink(path).catch(unlessMissing);
}

function unlessMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  throw error;
}
