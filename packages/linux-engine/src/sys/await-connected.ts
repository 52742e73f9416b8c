import { canceled, deadlineExceeded } from "@keelson/cri-api/errors";
import * as koffi from "koffi";
import { must, native } from "./libc.ts";
import { SyscallError } from "./syscall-error.ts";

const getsockopt = native("int getsockopt(int fd, int level, int name, _Out_ void *value, _Inout_ void *length)");
const SOL_SOCKET = 1;
const SO_ERROR = 4;

/**
 * Waits on the event loop until a socket that has begun to connect is connected. The descriptor stays the caller's, also
 * when it fails.
 * @throws SyscallError ECONNREFUSED and others, DEADLINE_EXCEEDED, CANCELED
 */
export async function awaitConnected(
  fd: number,
  subject: string,
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const poll = koffi.node.poll(fd, { writable: true }, () => {
    poll.stop();
    setImmediate(resolve); // the callback itself runs outside Node's callback scope
  });
  const timer = setTimeout(
    () => reject(deadlineExceeded(`connect to ${subject}: not done after ${deadlineMs} ms`)),
    deadlineMs,
  );
  const onAbort = (): void => reject(canceled(`connect to ${subject}`, { cause: signal?.reason }));
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted === true) onAbort();
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    poll.close();
  }
  const errno = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  must(getsockopt(fd, SOL_SOCKET, SO_ERROR, errno, length), "getsockopt SO_ERROR", subject);
  if (errno.readInt32LE(0) !== 0) throw new SyscallError("connect", errno.readInt32LE(0), subject);
}
