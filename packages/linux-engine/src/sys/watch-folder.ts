import { closeSync, readSync } from "node:fs";
import { must, native } from "./libc.ts";
import { watchReadable } from "./poll.ts";
import { isErrno } from "./syscall-error.ts";

const inotifyInit = native("int inotify_init1(int flags)");
const inotifyAddWatch = native("int inotify_add_watch(int fd, const char *path, unsigned int mask)");

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const IN_CLOSE_WRITE = 0x8;
const IN_MOVED_TO = 0x80;
const IN_DELETE_SELF = 0x400;
const IN_MOVE_SELF = 0x800;
const IN_UNMOUNT = 0x2000;
const IN_Q_OVERFLOW = 0x4000;
const IN_IGNORED = 0x8000;
const IN_ONLYDIR = 0x01000000;
const headerBytes = 16; // wd, mask, cookie, length of the name

export interface FolderWatch extends Disposable {
  /** Stops. Idempotent; nothing is told afterwards. */
  close(): void;
  /** The watch no longer keeps the process alive. */
  unref(): void;
}

export interface FolderListener {
  /** A file of this name is complete: it was written and closed, or renamed into the folder. */
  onFile(name: string): void;
  /** Events were lost (the kernel's queue is bounded): read the folder. */
  onOverflow(): void;
  /** The watch has ended: the folder was removed, renamed or unmounted, or (with an error) cannot be watched. */
  onGone(error?: unknown): void;
}

/**
 * Tells which files of a folder are complete. List the folder after the watch has begun, or files from before are missed.
 * This is inotify itself and not `fs.watch`, which knows neither when a file was closed after writing (a reader would
 * find half of it) nor whether the kernel dropped events.
 * @throws SyscallError ENOENT, ENOTDIR, ENOSPC or EMFILE when the user's inotify limits are reached
 */
export function watchFolder(path: string, listener: FolderListener): FolderWatch {
  const fd = must(inotifyInit(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1");
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    watch?.close();
    closeSync(fd);
  };
  const readEvents = (): void => {
    const buffer = Buffer.alloc(64 * 1024);
    for (let size = read(fd, buffer); size > 0; size = read(fd, buffer)) {
      for (const event of parseEvents(buffer.subarray(0, size))) {
        if ((event.mask & IN_Q_OVERFLOW) !== 0) listener.onOverflow();
        else if ((event.mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) !== 0) listener.onFile(event.name);
        else if ((event.mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT | IN_IGNORED)) !== 0) {
          close();
          listener.onGone();
        }
        if (!open) return;
      }
    }
  };
  const serve = (): void => {
    try {
      readEvents();
    } catch (error) {
      close();
      listener.onGone(error);
    }
  };
  let watch: ReturnType<typeof watchReadable> | undefined;
  try {
    const mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    must(inotifyAddWatch(fd, path, mask), "inotify_add_watch", path);
    watch = watchReadable(fd, serve);
  } catch (error) {
    close();
    throw error;
  }
  return { close, unref: () => watch?.unref(), [Symbol.dispose]: close };
}

/** Reads what is there; 0 when that is nothing. The descriptor does not block. */
function read(fd: number, buffer: Buffer): number {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    if (isErrno(error, "EAGAIN")) return 0;
    throw error;
  }
}

function parseEvents(bytes: Buffer): { readonly mask: number; readonly name: string }[] {
  const events: { readonly mask: number; readonly name: string }[] = [];
  for (let at = 0; at + headerBytes <= bytes.length; ) {
    const length = bytes.readUInt32LE(at + 12);
    const name = bytes.subarray(at + headerBytes, at + headerBytes + length).toString("utf8");
    events.push({ mask: bytes.readUInt32LE(at + 4), name: name.replace(/\0.*$/s, "") });
    at += headerBytes + length;
  }
  return events;
}
