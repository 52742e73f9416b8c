// What a hostile client writes: frames by hand, as many as the server takes.
import { once } from "node:events";
import net from "node:net";
import { frame, literals, preface } from "./server-harness.ts";

export const version = "/runtime.v1.RuntimeService/Version";

/** The headers of a gRPC call, and more of them. */
export function headers(path: string = version, more: readonly (readonly [string, string])[] = []): Buffer {
  return literals([
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "x"],
    ["content-type", "application/grpc"],
    ...more,
  ]);
}

/** A stream's number by its place: clients have the odd ones. */
export const streamOf = (index: number): number => 2 * index + 1;

export const flags = { endStream: 1, endHeaders: 4 } as const;

export const types = {
  data: 0,
  headers: 1,
  priority: 2,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  window: 8,
} as const;

export const continuation = 9;

export interface Attacked {
  /** Whether the server closed the connection. */
  readonly closed: boolean;
  /** Bytes that were written until then, of `total`. */
  readonly sent: number;
  readonly total: number;
  /** Frames that came back, by their type. */
  readonly answers: ReadonlyMap<number, number>;
  /** The code of the GOAWAY that came, if one did. */
  readonly goAway: number | undefined;
}

const settleMs = 200;

/** Writes all of it on a connection of its own, until the server closes it; reads what comes back unless told not to. */
export async function attack(
  path: string,
  pieces: Iterable<Uint8Array>,
  { reads = true }: { readonly reads?: boolean } = {},
): Promise<Attacked> {
  const socket = net.connect(path);
  const received: Buffer[] = [];
  let closed = false;
  socket.on("error", () => {});
  socket.on("close", () => {
    closed = true;
  });
  if (reads) socket.on("data", (piece: Buffer) => received.push(piece));
  await once(socket, "connect");
  let sent = 0;
  let total = 0;
  for (const piece of [preface, ...pieces]) {
    total += piece.length;
    if (closed) continue;
    sent += piece.length;
    if (!socket.write(piece)) await drained(socket);
  }
  if (!closed) await Promise.race([once(socket, "close"), elapsed(settleMs)]);
  socket.destroy();
  return { closed, sent, total, ...readFrames(Buffer.concat(received)) };
}

/** Resolves when the socket takes more, or never will. */
function drained(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function readFrames(bytes: Buffer): Pick<Attacked, "answers" | "goAway"> {
  const answers = new Map<number, number>();
  let goAway: number | undefined;
  for (let at = 0; at + 9 <= bytes.length; ) {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes.readUInt8(at + 3);
    answers.set(type, (answers.get(type) ?? 0) + 1);
    if (type === types.goAway && at + 17 <= bytes.length) goAway = bytes.readUInt32BE(at + 13);
    at += 9 + length;
  }
  return { answers, goAway };
}

export function* repeat(count: number, piece: (index: number) => Uint8Array): Generator<Uint8Array> {
  for (let index = 0; index < count; index++) yield piece(index);
}

export { frame, literals };
