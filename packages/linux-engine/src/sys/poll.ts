import * as koffi from "koffi";

/** A watch on a descriptor by the event loop's own epoll. */
export interface Watch {
  /** Ends the watch; must come before the descriptor is closed. Idempotent. */
  close(): void;
  /** The watch no longer keeps the process alive. */
  unref(): void;
}

/**
 * Calls `onReadable` whenever `fd` (a pidfd, an inotify or event descriptor) can be read. This is a libuv poll handle: it
 * needs no thread, takes nothing from libuv's pool and never holds up `process.exit`.
 */
export function watchReadable(fd: number, onReadable: () => void): Watch {
  let open = true;
  const handle = koffi.node.poll(fd, { readable: true }, () => {
    // The callback runs outside Node's callback scope, where promises and errors would not be served; the check phase
    // of the same turn of the loop has one.
    setImmediate(() => {
      if (open) onReadable();
    });
  });
  return {
    close: () => {
      if (!open) return;
      open = false;
      handle.close();
    },
    unref: () => {
      if (open) handle.unref();
    },
  };
}
