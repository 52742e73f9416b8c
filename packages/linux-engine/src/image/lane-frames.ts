import { readSync } from "node:fs";
import type { Socket } from "node:net";
import { canceled, unavailable } from "@keelson/cri-api/errors";
import { readFullySync } from "./control-frames.ts";

// What goes through a lane, the long-lived pipe from the fetcher to one applier: layer after layer, each as pieces
// between a begin and an end. A piece has a kind of one byte and a length of four.

const kinds = { begin: 1, data: 2, end: 3, abort: 4 } as const;
const headBytes = 5;
const maxPieceBytes = 16 * 1024 * 1024;

/** The fetcher's side: one layer at a time. */
export class LaneWriter {
  readonly #socket: Socket;
  #failure: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("error", (error) => {
      this.#failure = error;
    });
  }

  async begin(job: number): Promise<void> {
    const body = Buffer.alloc(4);
    body.writeUInt32BE(job);
    await this.#write(kinds.begin, body);
  }

  /** Resolves when the pipe takes more. */
  async data(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#write(kinds.data, bytes);
  }

  /** The layer is whole and verified. */
  async end(): Promise<void> {
    await this.#write(kinds.end);
  }

  /** There will be no more of this layer; what came of it is worth nothing. */
  async abort(): Promise<void> {
    await this.#write(kinds.abort);
  }

  async #write(kind: number, body: Uint8Array = new Uint8Array()): Promise<void> {
    if (this.#failure !== undefined) throw unavailable("write to the applier: it is gone", { cause: this.#failure });
    const head = Buffer.alloc(headBytes);
    head.writeUInt8(kind, 0);
    head.writeUInt32BE(body.length, 1);
    this.#socket.write(head);
    if (body.length === 0 || this.#socket.write(body)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }
}

/** The applier's side of one layer; reads block. */
export class LaneStream {
  readonly #fd: number;
  readonly #job: number;
  #state: "before" | "within" | "over" = "before";
  #left = 0;

  constructor(fd: number, job: number) {
    this.#fd = fd;
    this.#job = job;
  }

  /** Fills the start of `into`; 0 at the end. @throws CANCELED when the layer was given up, UNAVAILABLE without a fetcher */
  read(into: Buffer): number {
    while (this.#left === 0) if (!this.#next()) return 0;
    const got = readSync(this.#fd, into, 0, Math.min(into.length, this.#left), null);
    if (got === 0) throw gone();
    this.#left -= got;
    return got;
  }

  /** Reads what is left of the layer and drops it, so that the next one can begin. @throws UNAVAILABLE without a fetcher */
  drain(): void {
    const waste = Buffer.alloc(64 * 1024);
    while (!this.#isOver) {
      try {
        this.read(waste);
      } catch (error) {
        if (!this.#isOver) throw error;
      }
    }
  }

  get #isOver(): boolean {
    return this.#state === "over";
  }

  /** Reads the next head; false at the layer's end. */
  #next(): boolean {
    if (this.#isOver) return false;
    const head = Buffer.alloc(headBytes);
    if (!readFullySync(this.#fd, head)) throw gone();
    const kind = head.readUInt8(0);
    const length = head.readUInt32BE(1);
    if (length > maxPieceBytes) throw new Error(`a piece of a layer has ${length} bytes`);
    if (this.#state === "before") {
      const body = Buffer.alloc(4);
      if (kind !== kinds.begin || length !== body.length || !readFullySync(this.#fd, body)) throw confused();
      if (body.readUInt32BE(0) !== this.#job) throw confused();
      this.#state = "within";
      return true;
    }
    if (kind === kinds.data) {
      this.#left = length;
      return true;
    }
    if (kind !== kinds.end && kind !== kinds.abort) throw confused();
    this.#state = "over";
    if (kind === kinds.abort) throw canceled("apply layer: it was given up");
    return false;
  }
}

function gone(): Error {
  return unavailable("read layer: the fetcher is gone");
}

function confused(): Error {
  return new Error("the lane holds another layer than the one that was asked for");
}
