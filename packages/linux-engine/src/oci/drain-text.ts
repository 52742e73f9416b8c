import { Socket } from "node:net";

const tailBytes = 4_096;

/** What somebody else wrote to a pipe so far. */
export interface DrainedText {
  /** The last 4 KiB. */
  text(): string;
  /** Stops reading and closes the pipe. Idempotent. */
  close(): void;
}

/** Reads a pipe on the event loop, so that its writer is never held up, and keeps the end of what came. Owns `fd`. */
export function drainText(fd: number): DrainedText {
  const socket = new Socket({ fd, readable: true, writable: false });
  let tail = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
  });
  socket.on("error", () => socket.destroy()); // what was read until then is what there is
  return { text: () => tail.toString("utf8"), close: () => socket.destroy() };
}
