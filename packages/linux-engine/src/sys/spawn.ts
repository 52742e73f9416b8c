import { closeSync, openSync } from "node:fs";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import { closeAll, duplicate, openPipe } from "./descriptor.ts";
import { resolveProgram } from "./find-program.ts";
import { must, mustBeZero, native } from "./libc.ts";
import { defaultNofile, withNofile } from "./nofile.ts";
import { openPidfd, readStartTime, signalPidfd } from "./pidfd.ts";
import { watchReadable } from "./poll.ts";

const actionsInit = native("int posix_spawn_file_actions_init(void *actions)");
const actionsDestroy = native("int posix_spawn_file_actions_destroy(void *actions)");
const actionsDup2 = native("int posix_spawn_file_actions_adddup2(void *actions, int from, int to)");
const actionsClose = native("int posix_spawn_file_actions_addclose(void *actions, int fd)");
const actionsCloseFrom = native("int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)"); // glibc 2.34
const actionsChdir = native("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)"); // glibc 2.29
const attrInit = native("int posix_spawnattr_init(void *attr)");
const attrDestroy = native("int posix_spawnattr_destroy(void *attr)");
const attrSetFlags = native("int posix_spawnattr_setflags(void *attr, short flags)");
const attrSetDefault = native("int posix_spawnattr_setsigdefault(void *attr, void *set)");
const attrSetMask = native("int posix_spawnattr_setsigmask(void *attr, void *set)");
const sigFill = native("int sigfillset(void *set)");
const sigEmpty = native("int sigemptyset(void *set)");
const posixSpawn = native(
  "int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attr, const char **argv, const char **envp)",
);
const waitid = native("int waitid(int type, int id, _Out_ void *info, int options)");
const kill = native("int kill(int pid, int signal)");

const P_PID = 1;
const P_PIDFD = 3;
const WNOHANG = 1;
const WEXITED = 4;
const CLD_EXITED = 1;
const SIGKILL = 9;
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;

/**
 * What a descriptor of the child is:
 * - `"ignore"`: /dev/null, for reading and writing;
 * - `"read-pipe"`: a pipe that the child reads; `"write-pipe"`: one that it writes. Our end is in {@link Child.pipes};
 * - a number: a duplicate of that descriptor of ours, which stays open here;
 * - `{ read }` or `{ append }`: a file opened by path; appended ones are created with mode 0640.
 */
export type DescriptorSource =
  | "ignore"
  | "read-pipe"
  | "write-pipe"
  | number
  | { readonly read: string }
  | { readonly append: string };

export interface SpawnOptions {
  /** The child's whole environment; default: empty. Nothing of ours is inherited. */
  readonly env?: Readonly<Record<string, string>>;
  /** Working directory, absolute; default `/`. */
  readonly cwd?: string;
  /** By the child's descriptor number. 0, 1 and 2 are `"ignore"` unless listed; all that is not listed is closed. */
  readonly descriptors?: Readonly<Record<number, DescriptorSource>>;
  /** Soft limit of open files; default 1024, at most our hard limit. */
  readonly nofile?: number;
}

/** How a process ended: by itself with `code`, or by `signal` (a number); the other is undefined. */
export interface Exit {
  readonly code: number | undefined;
  readonly signal: number | undefined;
}

/** A process that we started, leader of a session and process group of its own. */
export interface Child {
  readonly pid: number;
  /** Clock ticks since boot; record it beside the pid. */
  readonly startTime: number;
  /** Resolves once the child has ended and been reaped; rejects only if the kernel does not tell how it ended. */
  readonly exited: Promise<Exit>;
  /** Our ends of the pipes asked for, by the child's descriptor number. The caller owns and closes them. */
  readonly pipes: ReadonlyMap<number, number>;
  /** Sends a signal to the child; false when it has ended. */
  signal(signal: number): boolean;
  /** Sends a signal to the child's process group; false when the child has been reaped (its group is then unknown). */
  signalGroup(signal: number): boolean;
  /** Waiting for the child no longer keeps our own process alive. */
  unref(): void;
}

/**
 * Starts a program: `argv[0]` is an absolute path or a bare name of {@link programFolders}; there is no shell, ever.
 * The child gets default signal dispositions, an empty signal mask, a session of its own, and exactly the environment
 * and descriptors that are listed. Blocks for the length of fork and exec (0.2 to 2 ms).
 *
 * @throws SyscallError when it could not be executed (ENOENT, EACCES); INVALID_ARGUMENT for text that cannot be passed on
 */
export function spawn(argv: readonly [string, ...string[]], options: SpawnOptions = {}): Child {
  const path = resolveProgram(argv[0]);
  const env = environment(options.env ?? {});
  for (const text of argv) refuseNul("argument", text);
  const cwd = options.cwd ?? "/";
  if (!cwd.startsWith("/"))
    throw invalidArgument(`start ${quote(path)}: working directory ${quote(cwd)} is not absolute`);
  refuseNul("working directory", cwd);

  const temporary: number[] = []; // ours until the child has its copies
  const pipes = new Map<number, number>();
  const actions = Buffer.alloc(128); // glibc needs 80, 336 and 128 bytes
  const attr = Buffer.alloc(512);
  const set = Buffer.alloc(128);
  try {
    mustBeZero(actionsInit(actions), "posix_spawn_file_actions_init");
    mustBeZero(attrInit(attr), "posix_spawnattr_init");
    const lowestFree = listDescriptors(actions, options.descriptors ?? {}, temporary, pipes);
    mustBeZero(actionsChdir(actions, cwd), "posix_spawn_file_actions_addchdir_np");
    must(sigFill(set), "sigfillset");
    // glibc keeps signals 32 and 33 for itself, so a child's SigIgn may read 0x180000000.
    mustBeZero(attrSetDefault(attr, set), "posix_spawnattr_setsigdefault");
    must(sigEmpty(set), "sigemptyset");
    mustBeZero(attrSetMask(attr, set), "posix_spawnattr_setsigmask");
    mustBeZero(attrSetFlags(attr, SETSIGDEF | SETSIGMASK | SETSID), "posix_spawnattr_setflags");
    const pid = withNofile(options.nofile ?? defaultNofile, lowestFree, () => {
      const out = [0];
      mustBeZero(posixSpawn(out, path, actions, attr, [...argv, null], [...env, null]), "posix_spawn", path);
      return out[0] ?? 0;
    });
    return watchChild(pid, pipes);
  } catch (error) {
    closeAll(pipes.values());
    throw error;
  } finally {
    actionsDestroy(actions);
    attrDestroy(attr);
    closeAll(temporary);
  }
}

/** Adds one action per descriptor of the child and closes the others; answers the number that was the lowest free one. */
function listDescriptors(
  actions: Buffer,
  wanted: Readonly<Record<number, DescriptorSource>>,
  temporary: number[],
  pipes: Map<number, number>,
): number {
  const sources = new Map<number, DescriptorSource>([0, 1, 2].map((fd) => [fd, "ignore"]));
  for (const [key, source] of Object.entries(wanted)) {
    const fd = Number(key);
    if (!Number.isInteger(fd) || fd < 0 || fd > 255)
      throw invalidArgument(`pass on descriptor ${quote(key)}: not 0 to 255`);
    sources.set(fd, source);
  }
  const highest = Math.max(...sources.keys());
  const devNull = openSync("/dev/null", "r+");
  temporary.push(devNull);
  for (let fd = 0; fd <= highest; fd++) {
    const source = sources.get(fd);
    if (source === undefined) {
      mustBeZero(actionsClose(actions, fd), "posix_spawn_file_actions_addclose");
    } else {
      const ours = source === "ignore" ? devNull : openSource(fd, source, temporary, pipes);
      // A copy above all targets: no dup2 can then overwrite what a later one needs.
      const above = duplicate(ours, highest + 1);
      temporary.push(above);
      mustBeZero(actionsDup2(actions, above, fd), "posix_spawn_file_actions_adddup2");
    }
  }
  mustBeZero(actionsCloseFrom(actions, highest + 1), "posix_spawn_file_actions_addclosefrom_np");
  return devNull;
}

function openSource(
  fd: number,
  source: Exclude<DescriptorSource, "ignore">,
  temporary: number[],
  pipes: Map<number, number>,
): number {
  if (typeof source === "number") return source;
  if (typeof source === "object") {
    const file = "read" in source ? openSync(source.read, "r") : openSync(source.append, "a", 0o640);
    temporary.push(file);
    return file;
  }
  const { readFd, writeFd } = openPipe();
  const [theirs, ours] = source === "read-pipe" ? [readFd, writeFd] : [writeFd, readFd];
  temporary.push(theirs);
  pipes.set(fd, ours);
  return theirs;
}

function watchChild(pid: number, pipes: ReadonlyMap<number, number>): Child {
  let pidfd: number;
  let startTime: number | undefined;
  try {
    pidfd = openPidfd(pid);
    startTime = readStartTime(pid); // also of a child that has ended: it is not reaped yet
  } catch (error) {
    // No descriptor left to watch it by, so it must not live on unwatched.
    kill(-pid, SIGKILL);
    waitid(P_PID, pid, Buffer.alloc(128), WEXITED);
    throw error;
  }
  const { promise: exited, resolve, reject } = Promise.withResolvers<Exit>();
  exited.catch(() => undefined); // whoever awaits it gets the error; if nobody does, it is nobody's
  let reaped = false;
  const watch = watchReadable(pidfd, () => {
    reaped = true;
    watch.close();
    try {
      resolve(reap(pidfd));
    } catch (error) {
      reject(error);
    } finally {
      closeSync(pidfd);
    }
  });
  return {
    pid,
    startTime: startTime ?? 0,
    exited,
    pipes,
    signal: (signal) => !reaped && signalPidfd(pidfd, signal),
    // Until it is reaped nobody else can get its number, so the group is the child's.
    signalGroup: (signal) => !reaped && kill(-pid, signal) === 0,
    unref: () => watch.unref(),
  };
}

function reap(pidfd: number): Exit {
  const info = Buffer.alloc(128); // siginfo_t: si_code at 8, si_status at 24
  must(waitid(P_PIDFD, pidfd, info, WEXITED | WNOHANG), "waitid", String(pidfd));
  const status = info.readInt32LE(24);
  if (info.readInt32LE(8) === CLD_EXITED) return { code: status, signal: undefined };
  return { code: undefined, signal: status };
}

function environment(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([key, value]) => {
    if (key === "" || key.includes("="))
      throw invalidArgument(`pass on environment variable ${quote(key)}: not a name`);
    refuseNul("environment variable", key);
    refuseNul(`environment variable ${quote(key)}`, value);
    return `${key}=${value}`;
  });
}

function refuseNul(what: string, text: string): void {
  if (text.includes("\0")) throw invalidArgument(`pass on ${what} ${quote(text)}: it holds a NUL byte`);
}
