import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type CriError, failedPrecondition, unavailable } from "@keelson/cri-api/errors";
import { findProgram } from "../sys/find-program.ts";
import { readMountInfo } from "../sys/mount-info.ts";
import { describeExit } from "../sys/process-error.ts";
import { type Child, type Exit, spawn } from "../sys/spawn.ts";
import { encodeFrame, FrameDecoder } from "./control-frames.ts";
import { controlIn, controlOut, firstLane } from "./jail-descriptors.ts";
import { jailView, listFolder, neededByNode } from "./jail-view.ts";
import { fromWireError } from "./wire-error.ts";

export interface JailOptions {
  /** What it is called in errors: `fetcher`, `applier`. */
  readonly name: string;
  /** The module that it runs, as an import specifier or a `file:` URL. */
  readonly entry: string;
  readonly args: readonly string[];
  /** The only capabilities it has, such as `CAP_CHOWN`. */
  readonly capabilities: readonly string[];
  /** The only folder in which it can write; a real path. */
  readonly writable: string;
  /** Folders that it must see, beside its own code and the system's; real paths. */
  readonly readable: readonly string[];
  readonly network: boolean;
  /** Descriptors of ours that it gets as {@link firstLane} and up. They stay open here. */
  readonly lanes: readonly number[];
  readonly readyMs?: number;
}

/** What a job tells before it is done. */
export type JobEvents = (event: Readonly<Record<string, unknown>>) => void;

const SIGKILL = 9;
const defaultReadyMs = 30_000;
const tailBytes = 4096;

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly events: JobEvents | undefined;
}

/**
 * A Node process of ours behind bubblewrap (bwrap(1)): everything but one folder is read-only, it sees no other
 * process, and it ends with the daemon. Jobs go in as messages by number; each is answered once with what it has done
 * or an error, and may tell something before.
 */
export class JailedProcess implements AsyncDisposable {
  readonly name: string;
  readonly #child: Child;
  readonly #control: Socket;
  readonly #pending = new Map<number, Pending>();
  readonly #ready = Promise.withResolvers<void>();
  /** Resolves when it and bubblewrap are gone. */
  readonly ended: Promise<void>;
  /** Resolves with the reason as soon as it has ended. */
  readonly ending: Promise<unknown>;
  #hasEnded = false;
  #killedBecause: unknown;
  #lastJob = 0;
  #stderr = Buffer.alloc(0);

  private constructor(name: string, child: Child) {
    this.name = name;
    this.#child = child;
    this.#ready.promise.catch(() => undefined); // whoever waits for it gets it too
    this.#control = new Socket({ fd: pipeOf(child, controlIn), readable: false, writable: true });
    this.#control.on("error", () => this.#control.destroy()); // it is gone; its exit tells why
    const answers = new Socket({ fd: pipeOf(child, controlOut), readable: true, writable: false });
    const decoder = new FrameDecoder();
    answers.on("data", (piece: Buffer) => this.#receive(decoder, piece));
    answers.on("error", () => answers.destroy());
    const stderr = new Socket({ fd: pipeOf(child, 2), readable: true, writable: false });
    stderr.on("data", (piece: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, piece]).subarray(-tailBytes);
    });
    stderr.on("error", () => stderr.destroy());
    // Its end of that pipe is closed when it has ended itself, and not only bubblewrap, its parent.
    const silent = new Promise<void>((resolve) => answers.on("close", () => resolve()));
    const ending = Promise.withResolvers<unknown>();
    this.ending = ending.promise;
    this.ended = child.exited.then(async (exit) => {
      this.#hasEnded = true;
      this.#control.destroy();
      const why = this.#killedBecause ?? this.#endError(exit);
      this.#ready.reject(why);
      for (const { reject } of this.#pending.values()) reject(why);
      this.#pending.clear();
      ending.resolve(why);
      await silent;
    });
  }

  /** Starts it and waits until it has loaded all that it will ever need. @throws FAILED_PRECONDITION, UNAVAILABLE */
  static async start(options: JailOptions): Promise<JailedProcess> {
    const process = new JailedProcess(options.name, spawn(await bwrapArgv(options), spawnOptions(options)));
    const readyMs = options.readyMs ?? defaultReadyMs;
    const late = unavailable(`start the ${options.name}: it was not ready after ${readyMs} ms`);
    const timer = setTimeout(() => process.kill(late), readyMs);
    try {
      await process.#ready.promise;
      return process;
    } catch (error) {
      process.kill();
      await process.ended;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** The host's number of bubblewrap; the process itself is below it. */
  get pid(): number {
    return this.#child.pid;
  }

  /** Begins a job; its number is there at once, its answer later. @throws UNAVAILABLE when the process ends before */
  begin(
    message: Readonly<Record<string, unknown>>,
    events?: JobEvents,
  ): { readonly job: number; readonly done: Promise<unknown> } {
    this.#lastJob++;
    const job = this.#lastJob;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(job, { resolve, reject, events });
    if (this.#hasEnded) {
      this.#pending.delete(job);
      reject(unavailable(`the ${this.name} has ended`, { hint: "try again" }));
    } else {
      this.tell(job, message);
    }
    return { job, done: promise };
  }

  /** Tells something to a job that has begun. */
  tell(job: number, message: Readonly<Record<string, unknown>>): void {
    if (!this.#control.destroyed) this.#control.write(encodeFrame({ job, ...message }));
  }

  /** Ends it at once; its jobs fail with `because`, where that is given. */
  kill(because?: unknown): void {
    if (this.#hasEnded) return;
    this.#killedBecause ??= because;
    this.#child.signalGroup(SIGKILL);
  }

  async close(): Promise<void> {
    this.kill();
    await this.ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #endError(exit: Exit): CriError {
    const said = this.#stderr.toString("utf8").trim();
    return unavailable(`the ${this.name} ended: ${describeExit(exit)}${said === "" ? "" : `: ${said}`}`, {
      hint: "try again; if it stays, look at the daemon's log",
    });
  }

  #receive(decoder: FrameDecoder, piece: Buffer): void {
    try {
      for (const message of decoder.push(piece)) this.#dispatch(Object(message) as Record<string, unknown>);
    } catch (cause) {
      this.kill(unavailable(`the ${this.name} said something that is no message`, { cause }));
    }
  }

  #dispatch(message: Readonly<Record<string, unknown>>): void {
    if (message.ready === true) {
      this.#ready.resolve();
      return;
    }
    const { job, event, failed, done } = message;
    const pending = typeof job === "number" ? this.#pending.get(job) : undefined;
    if (pending === undefined) return; // its job was answered before
    if (event !== undefined) {
      pending.events?.(Object(event) as Record<string, unknown>);
      return;
    }
    this.#pending.delete(job as number);
    if (failed === undefined) pending.resolve(done);
    else pending.reject(fromWireError(failed));
  }
}

async function bwrapArgv(options: JailOptions): Promise<[string, ...string[]]> {
  const bwrap = findProgram("bwrap");
  if (bwrap === undefined) {
    throw failedPrecondition("start a process in a jail: bwrap is not installed", { hint: "install bubblewrap" });
  }
  const entry = fileURLToPath(options.entry.startsWith("file:") ? options.entry : import.meta.resolve(options.entry));
  const mountPoints = (await readMountInfo()).map(({ mountPoint }) => Buffer.from(mountPoint, "latin1").toString());
  const needed = [...neededByNode(entry), options.writable, ...options.readable];
  return [
    bwrap,
    ...jailView({ mountPoints, needed, list: listFolder }),
    // uid 0 may write the machine's own /proc/sys without any capability, and bwrap leaves that to its caller
    ...["--proc", "/proc", "--remount-ro", "/proc", "--remount-ro", "/"],
    ...["--bind", options.writable, options.writable],
    ...(options.network ? [] : ["--unshare-net"]),
    ...["--unshare-ipc", "--unshare-uts", "--unshare-pid", "--die-with-parent", "--cap-drop", "ALL"],
    ...options.capabilities.flatMap((name) => ["--cap-add", name]),
    "--",
    process.execPath,
    "--disallow-code-generation-from-strings",
    entry,
    ...options.args,
  ];
}

function spawnOptions(options: JailOptions): Parameters<typeof spawn>[1] {
  return {
    // A fixed zone, or the process would look for one in /etc.
    env: { TZ: "UTC", LC_ALL: "C", PATH: "/nonexistent", HOME: "/nonexistent" },
    descriptors: {
      2: "write-pipe",
      [controlIn]: "read-pipe",
      [controlOut]: "write-pipe",
      ...Object.fromEntries(options.lanes.map((fd, index) => [firstLane + index, fd])),
    },
  };
}

function pipeOf(child: Child, fd: number): number {
  const end = child.pipes.get(fd);
  if (end === undefined) throw new Error(`descriptor ${fd} has no pipe`);
  return end;
}
