// What `strace -f -ttt -T -y -Y` writes, as calls.

/** One system call that has returned. */
export interface TracedCall {
  readonly tid: number;
  /** The thread's name when the call was made. */
  readonly thread: string;
  readonly name: string;
  /** As strace prints them, without the brackets. */
  readonly arguments: string;
  readonly result: string;
  /** When it was made, in milliseconds since 1970. */
  readonly beganMs: number;
  readonly tookMs: number;
}

const lineForm = /^(\d+)<(.*?)> +(\d+\.\d+) (.*)$/;
const unfinished = " <unfinished ...>";
const resumedForm = /^<\.\.\. \w+ resumed>(.*)$/;
const callForm = /^(\w+)\((.*)\) += (.*) <(\d+\.\d+)>$/s;

/** Puts calls together that other threads interrupted; leaves out what did not return, signals and ends of processes. */
export function parseStrace(text: string): readonly TracedCall[] {
  const begun = new Map<number, { readonly at: number; readonly thread: string; readonly text: string }>();
  const calls: TracedCall[] = [];
  for (const line of text.split("\n")) {
    const [, tidText, thread, atText, rest] = lineForm.exec(line) ?? [];
    if (tidText === undefined || thread === undefined || rest === undefined) continue;
    const tid = Number(tidText);
    const at = milliseconds(atText);
    if (rest.endsWith(unfinished)) {
      begun.set(tid, { at, thread, text: rest.slice(0, -unfinished.length) });
      continue;
    }
    const resumed = resumedForm.exec(rest)?.[1];
    const before = resumed === undefined ? { at, thread, text: "" } : begun.get(tid);
    if (resumed !== undefined) begun.delete(tid);
    if (before === undefined) continue;
    const [, name, args, result, seconds] = callForm.exec(before.text + (resumed ?? rest)) ?? [];
    if (name === undefined || args === undefined || result === undefined) continue;
    const tookMs = milliseconds(seconds);
    calls.push({ tid, thread: before.thread, name, arguments: args.trim(), result, beganMs: before.at, tookMs });
  }
  return calls;
}

/** Of seconds with six decimals. */
const milliseconds = (seconds: string | undefined): number => Math.round(Number(seconds) * 1e6) / 1e3;

const waits = new Set(
  "accept4 clock_nanosleep epoll_pwait epoll_wait futex io_getevents nanosleep pause poll ppoll pselect6 restart_syscall rt_sigtimedwait select wait4 waitid".split(
    " ",
  ),
);
const readsOrWrites = new Set("pread64 pwrite64 read readv recvfrom recvmsg sendmsg sendto write writev".split(" "));

const syncs = new Set(["fdatasync", "fsync", "msync", "sync", "syncfs", "sync_file_range"]);
const runtimeCommands = new Set(["create", "delete", "init", "kill", "start", "state"]);
const maxLength = 110;
// They neither sleep nor take long.
const instant = new Set(
  "arch_prctl capget dup dup2 dup3 epoll_ctl fcntl getpid gettid getppid getrandom prctl rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_yield set_robust_list set_tid_address sigaltstack".split(
    " ",
  ),
);

/**
 * Whose time a call's time is: its own ("work"); another process's ("wait": it sleeps, waits for an end, or for the
 * other end of a pipe); or that of a core ("core": it can't take long by itself, so its process waited to run again,
 * because others ran or strace had other processes to look at).
 */
export function timeOf(call: TracedCall): "work" | "wait" | "core" {
  if (instant.has(call.name)) return "core";
  return isWaiting(call) ? "wait" : "work";
}

function isWaiting(call: TracedCall): boolean {
  if (waits.has(call.name)) return true;
  if (readsOrWrites.has(call.name))
    return /^\d+<(?:pipe|socket|UNIX|TCP|anon_inode|NETLINK|[^>]*fifo)/.test(call.arguments);
  // a FIFO whose other end nobody has opened yet: the only thing that is opened again by its descriptor
  return call.name === "openat" && /"\/proc\/(?:self|thread-self|\d+)\/fd\/\d+"/.test(call.arguments);
}

/** The program that the call started; undefined for all other calls and where there is none. */
export function startedProgram(call: TracedCall): string | undefined {
  if (call.name !== "execve" || !call.result.startsWith("0")) return undefined;
  const [, path, words = ""] = /^"([^"]*)", \[(.*?)\]/.exec(call.arguments) ?? [];
  const [first, ...rest] = [...words.matchAll(/"([^"]*)"/g)].map(([, word = ""]) => word);
  if (path === undefined || first === undefined) return undefined;
  // a program that was opened before: its first argument tells more
  const name = (path.startsWith("/proc/") ? first : path).split("/").at(-1) ?? path;
  const command = /^(?:runc|crun)$/.test(name) ? rest.find((word) => runtimeCommands.has(word)) : undefined;
  return command === undefined ? name : `${name} ${command}`;
}

/** True for what waits until the disk has it. */
export function isSync(call: TracedCall): boolean {
  return syncs.has(call.name);
}

/**
 * The call with what tells it from others, and without what differs between two pods: IDs, PIDs, numbers, descriptors.
 * A wait is told by what is waited for alone.
 */
export function describeCall(call: TracedCall, folder: string): string {
  if (waits.has(call.name)) {
    const child = call.name.startsWith("wait") ? /<([^>]*)>/.exec(call.arguments)?.[1] : undefined;
    return child === undefined ? call.name : `${call.name}(<${child}>)`;
  }
  const text = call.arguments
    .replaceAll(folder, "…")
    .replaceAll(/\b\d+<(?=[^>])/g, "<")
    .replaceAll(/AT_FDCWD<[^>]*>/g, "AT_FDCWD")
    .replaceAll(/<(pipe|socket):[^>]*>/g, "<$1>")
    .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "UUID")
    .replaceAll(/[0-9a-f]{12,}/g, "ID")
    .replaceAll(/keelson-bench-[0-9a-f]{8}/g, "POD")
    .replaceAll(/\/proc\/\d+/g, "/proc/PID")
    .replaceAll(/0x[0-9a-f]+/g, "0x…")
    .replaceAll(/\d{2,}/g, "N");
  const onlyPlace = isWaiting(call) || readsOrWrites.has(call.name);
  const shown = onlyPlace ? (/^(<[^>]*>|[^,]*, "[^"]*")/.exec(text)?.[0] ?? text) : text;
  return `${call.name}(${shown.length > maxLength ? `${shown.slice(0, maxLength)}…` : shown})`;
}
