import { Socket } from "node:net";

/** Both streams together with their framing have to fit into a gRPC message of 16 MiB. */
const jointCapBytes = 16 * 1024 * 1024 - 64 * 1024;
/** What is dropped is read at about 200 MB a second. */
const burstBytes = 1024 * 1024;
const pauseMs = 5;
const mark = Buffer.from("\n[keelson: output over 16 MiB was dropped]\n");

/** Collects what a command writes to its two streams, up to a joint cap; what is over it is read and dropped. */
export class CommandOutput {
  readonly #streams: readonly [Collected, Collected];
  #left = jointCapBytes - 2 * mark.length;
  #sincePause = 0;

  /** Owns both descriptors. */
  constructor(stdoutFd: number, stderrFd: number) {
    this.#streams = [this.#collect(stdoutFd), this.#collect(stderrFd)];
  }

  /** Waits until both streams have ended, at most so long: a process left in the background may hold them for ever. */
  async drain(maxMs: number): Promise<void> {
    const timer = setTimeout(() => this.close(), maxMs);
    await Promise.all(this.#streams.map((one) => one.closed));
    clearTimeout(timer);
  }

  /** Stops reading and closes both. Idempotent. */
  close(): void {
    for (const one of this.#streams) one.socket.destroy();
  }

  get stdout(): Uint8Array {
    return bytesOf(this.#streams[0]);
  }

  get stderr(): Uint8Array {
    return bytesOf(this.#streams[1]);
  }

  /** A command that writes without end must not keep the whole daemon busy with reading what nobody wants. */
  #slowDown(socket: Socket, droppedBytes: number): void {
    this.#sincePause += droppedBytes;
    if (this.#sincePause < burstBytes) return;
    this.#sincePause = 0;
    socket.pause();
    setTimeout(() => socket.resume(), pauseMs).unref();
  }

  #collect(fd: number): Collected {
    const socket = new Socket({ fd, readable: true, writable: false });
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const collected: Collected = { socket, closed, chunks: [], dropped: false };
    socket.on("data", (chunk: Buffer) => {
      const kept = chunk.subarray(0, this.#left);
      this.#left -= kept.length;
      collected.dropped ||= kept.length < chunk.length;
      if (kept.length > 0) collected.chunks.push(kept);
      else this.#slowDown(socket, chunk.length);
    });
    socket.on("error", () => socket.destroy()); // "close" follows; what was read until then is the output
    socket.on("close", () => resolve());
    return collected;
  }
}

interface Collected {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  readonly chunks: Buffer[];
  dropped: boolean;
}

function bytesOf(collected: Collected): Uint8Array {
  return new Uint8Array(Buffer.concat(collected.dropped ? [...collected.chunks, mark] : collected.chunks));
}
