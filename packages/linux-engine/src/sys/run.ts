import { Socket } from "node:net";
import { type CriErrorCode, canceled } from "@keelson/cri-api/errors";
import { describeExit, ProcessError } from "./process-error.ts";
import { type Child, type Exit, type SpawnOptions, spawn } from "./spawn.ts";

const SIGKILL = 9;
const drainMs = 1_000;
const tailBytes = 4_096;

export interface RunOptions extends SpawnOptions {
  /** After so many milliseconds the process group gets SIGKILL and the run fails with DEADLINE_EXCEEDED. No default. */
  readonly deadlineMs: number;
  /** Aborting it sends SIGKILL to the process group; the run fails with CANCELED. */
  readonly signal?: AbortSignal;
  /** How much of standard output is kept; the rest is read and dropped. Default 1 MiB. */
  readonly stdoutCapBytes?: number;
  /** The same for standard error. Default 64 KiB. */
  readonly stderrCapBytes?: number;
  /** Written to standard input, which is then closed. Default: standard input is /dev/null. */
  readonly stdinBytes?: Uint8Array;
  /** True: an exit other than 0 is a result and no error. */
  readonly anyExit?: boolean;
}

export interface RunResult {
  readonly exit: Exit;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** Something was dropped at the cap. */
  readonly stdoutTruncated: boolean;
  readonly stderrTruncated: boolean;
}

/**
 * Runs a program to its end and answers what it wrote. After its exit the output is drained for one second at most: a
 * grandchild that holds on to standard output (CVE-2026-53495) delays no answer.
 *
 * @throws ProcessError INTERNAL when it ended otherwise than with 0, DEADLINE_EXCEEDED, CANCELED; and as {@link spawn}
 */
export async function run(argv: readonly [string, ...string[]], options: RunOptions): Promise<RunResult> {
  const { signal } = options;
  if (signal?.aborted === true) throw canceled(`run ${argv[0]}: cancelled before the start`, { cause: signal.reason });
  const child = spawn(argv, {
    ...options,
    descriptors: {
      ...options.descriptors,
      0: options.stdinBytes === undefined ? "ignore" : "read-pipe",
      1: "write-pipe",
      2: "write-pipe",
    },
  });
  const stdout = capture(child, 1, options.stdoutCapBytes ?? 1024 * 1024);
  const stderr = capture(child, 2, options.stderrCapBytes ?? 64 * 1024);
  const stdin = options.stdinBytes === undefined ? undefined : feed(child, options.stdinBytes);

  let ended: { readonly code: CriErrorCode; readonly why: string; readonly cause?: unknown } | undefined;
  const onAbort = (): void => {
    ended ??= { code: "CANCELED", why: "cancelled", cause: signal?.reason };
    child.signalGroup(SIGKILL);
  };
  const timer = setTimeout(() => {
    ended ??= { code: "DEADLINE_EXCEEDED", why: `not done after ${options.deadlineMs} ms` };
    child.signalGroup(SIGKILL);
  }, options.deadlineMs);
  signal?.addEventListener("abort", onAbort, { once: true });
  let exit: Exit;
  try {
    exit = await child.exited;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
  stdin?.destroy();
  await Promise.all([stdout.drain(drainMs), stderr.drain(drainMs)]);

  // A program that was done before the signal reached it is done.
  const failure = ended !== undefined && exit.signal === SIGKILL ? ended : undefined;
  if (failure !== undefined || (exit.code !== 0 && options.anyExit !== true)) {
    throw new ProcessError(
      failure?.code ?? "INTERNAL",
      argv,
      { exit, stderrTail: stderr.tail(), stdout: stdout.bytes(), why: failure?.why ?? describeExit(exit) },
      { cause: failure?.cause },
    );
  }
  return {
    exit,
    stdout: stdout.bytes(),
    stderr: stderr.bytes(),
    stdoutTruncated: stdout.truncated(),
    stderrTruncated: stderr.truncated(),
  };
}

interface Capture {
  bytes(): Buffer;
  truncated(): boolean;
  /** The last bytes written, cap or not, as text. */
  tail(): string;
  /** Waits for the end of the stream, at most so long, and closes it. */
  drain(maxMs: number): Promise<void>;
}

/** Reads our end of a pipe on the event loop (a stream of `node:fs` would hold one of the pool's four threads). */
function capture(child: Child, fd: number, capBytes: number): Capture {
  const chunks: Buffer[] = [];
  let kept = 0;
  let dropped = false;
  let last = Buffer.alloc(0);
  const socket = new Socket({ fd: ourEnd(child, fd), readable: true, writable: false });
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  socket.on("data", (chunk: Buffer) => {
    const room = capBytes - kept;
    if (room > 0) chunks.push(chunk.subarray(0, room));
    kept += Math.min(room, chunk.length);
    dropped ||= chunk.length > room;
    last = Buffer.concat([last, chunk.subarray(-tailBytes)]).subarray(-tailBytes);
  });
  socket.on("error", () => resolve()); // "close" follows; what was read until then is the output
  socket.on("close", () => resolve());
  return {
    bytes: () => Buffer.concat(chunks),
    truncated: () => dropped,
    tail: () => last.toString("utf8"),
    drain: async (maxMs) => {
      const timer = setTimeout(() => socket.destroy(), maxMs);
      await closed;
      clearTimeout(timer);
      socket.destroy();
    },
  };
}

function feed(child: Child, bytes: Uint8Array): Socket {
  const socket = new Socket({ fd: ourEnd(child, 0), readable: false, writable: true });
  socket.on("error", () => socket.destroy()); // EPIPE: it did not want to read more; its exit tells how it fared
  socket.end(bytes);
  return socket;
}

function ourEnd(child: Child, fd: number): number {
  const end = child.pipes.get(fd);
  if (end === undefined) throw new Error(`descriptor ${fd} has no pipe`);
  return end;
}
