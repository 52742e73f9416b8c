import { invalidArgument } from "@keelson/cri-api/errors";
import type { LogStream } from "@keelson/cri-api/logs";
import type { LogEvent } from "./log-event.ts";
import type { LogLine } from "./log-line.ts";
import { type ReadControl, type ReadOptions, readLog } from "./read-log.ts";
import { Wake } from "./wake.ts";

export interface FollowLogOptions {
  /** Default true: goes on as the log grows. False reads what is there, and a log that is not there is an error. */
  readonly follow?: boolean;
  /**
   * Begins with the last so many lines of the chosen streams, each with all of its parts; 0 with what comes from now on.
   * They are looked for in the current file only, as the kubelet does, so that after a rotation there may be fewer.
   * Default: from the file's start.
   */
  readonly tail?: number;
  /** Leaves out lines whose first part was written before. Together with `tail`: those of the last lines that are left. */
  readonly since?: Date;
  /** The same in nanoseconds since 1970, instead of `since`. */
  readonly sinceNs?: bigint;
  /** Default both. */
  readonly streams?: readonly LogStream[];
  /** Default true: a line comes when its end has come. False: each part when it is written, as partial. */
  readonly joinParts?: boolean;
  /**
   * The longest line, in bytes; a longer one comes in parts that are marked as partial. Default 1 MiB, at least 256. Some
   * eight times as much is held in memory at most, whatever the file holds.
   */
  readonly maxLineBytes?: number;
  /** Ends following when it fires: what was written until then still comes, and nothing is thrown. */
  readonly signal?: AbortSignal;
  /** The same when it settles, either way: the end of the container, say. */
  readonly until?: PromiseLike<unknown>;
  /**
   * How often the file is looked at where its folder's watch tells nothing, in milliseconds: on network file systems, and
   * when the machine has no watches left. Default 1000, at least 10.
   */
  readonly pollMs?: number;
  /** Told of malformed lines, rotations and truncations; what it throws ends the reading. */
  readonly onEvent?: (event: LogEvent) => void;
}

/** The lines of a log, once. While it is followed it holds a file and a watch, and the process alive. */
export interface FollowedLog extends AsyncIterableIterator<LogLine, void, undefined>, AsyncDisposable {
  /** Ends at once, also while a `next()` waits, and gives the file back. Idempotent. */
  return(): Promise<IteratorResult<LogLine, void>>;
}

const bothStreams: readonly LogStream[] = ["stdout", "stderr"];

/**
 * Reads a container's log in the CRI format and follows it. The path is opened anew whenever another file takes its
 * place, symbolic links (the kubelet's `/var/log/containers/*.log`) included; a log that is not there yet is waited for.
 *
 * At a rotation by renaming (the kubelet's: `PATH` to `PATH.TIMESTAMP`, then ReopenContainerLog) the old file is read to
 * its end before the new one is begun, also where several were rotated meanwhile: no line is lost and none comes twice.
 * Compressed files (`.gz`) are not read: one that was rotated and compressed before it was seen is missing. A file that
 * becomes shorter ("copytruncate") is read from its start again; what was written between copy and truncation is lost to
 * every reader.
 * @throws INVALID_ARGUMENT at once; while reading NOT_FOUND (only without `follow`), PERMISSION_DENIED,
 *   FAILED_PRECONDITION (it is no regular file), RESOURCE_EXHAUSTED (too many open files), INTERNAL
 */
export function followLog(path: string, options: FollowLogOptions = {}): FollowedLog {
  const { signal, until, follow = true } = options;
  const readOptions = checked(path, options);
  const control: ReadControl = { state: follow ? "following" : "ending", wake: new Wake() };
  const to = (state: "ending" | "stopped"): void => {
    if (control.state !== "stopped") control.state = state;
    control.wake.notify();
  };
  const end = (): void => to("ending");
  until?.then(end, end);
  if (signal?.aborted === true) end();
  else signal?.addEventListener("abort", end, { once: true });
  const lines = readLog(readOptions, control);
  const settle = (result: IteratorResult<LogLine, void>): IteratorResult<LogLine, void> => {
    if (result.done === true) signal?.removeEventListener("abort", end);
    return result;
  };
  const log: FollowedLog = {
    next: async () => settle(await lines.next()),
    return: async () => {
      to("stopped");
      return settle(await lines.return());
    },
    [Symbol.asyncIterator]: () => log,
    [Symbol.asyncDispose]: async () => {
      await log.return();
    },
  };
  return log;
}

function checked(path: string, options: FollowLogOptions): ReadOptions {
  const { follow = true, tail, since, joinParts = true, maxLineBytes = 1024 * 1024, pollMs = 1000 } = options;
  const { streams = bothStreams, onEvent = () => {} } = options;
  const refuse = (what: string): never => {
    throw invalidArgument(`follow log: ${what}`);
  };
  if (path === "") refuse("the path is empty");
  if (tail !== undefined && !isCount(tail, 0)) refuse(`tail is ${tail}, want a number of lines`);
  if (!isCount(maxLineBytes, 256)) refuse(`maxLineBytes is ${maxLineBytes}, want at least 256`);
  if (!isCount(pollMs, 10)) refuse(`pollMs is ${pollMs}, want at least 10`);
  if (streams.length === 0 || streams.some((one) => !bothStreams.includes(one))) refuse("streams names no stream");
  if (since !== undefined && options.sinceNs !== undefined) refuse("since and sinceNs are both given");
  if (since !== undefined && Number.isNaN(since.getTime())) refuse("since is no date");
  const sinceNs = since === undefined ? options.sinceNs : BigInt(since.getTime()) * 1_000_000n;
  return { path, follow, tail, sinceNs, streams: new Set(streams), joinParts, maxLineBytes, pollMs, tell: onEvent };
}

function isCount(value: number, least: number): boolean {
  return Number.isSafeInteger(value) && value >= least;
}
