import { closeSync } from "node:fs";
import { stat } from "node:fs/promises";
import { Worker } from "node:worker_threads";
import { CriError, canceled, deadlineExceeded, internal } from "@keelson/cri-api/errors";
import { awaitConnected } from "./await-connected.ts";
import {
  fromWireError,
  type InterfaceAddress,
  type NamespaceCall,
  type NamespaceCalls,
  type NamespacePins,
  type NamespaceReply,
  type NamespaceRequest,
  type NamespaceSettings,
} from "./namespace-protocol.ts";

export interface NamespacesOptions {
  /** How long one call may take, default 30,000 ms: a few system calls, but the kernel may have clean-ups to finish. */
  readonly callDeadlineMs?: number;
  /** The thread's entry; default is ours. */
  readonly entry?: URL;
}

export interface ConnectOptions {
  /** An IP address, seen from inside the namespace. */
  readonly address: string;
  readonly port: number;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Makes namespaces without a process in them, and acts inside of them, through the one thread that may leave the host's.
 * Calls are done one after the other. If the thread ends, what was asked of it fails with INTERNAL (perhaps done: revert
 * it) and the next call starts another.
 */
export interface Namespaces extends AsyncDisposable {
  /**
   * Makes a new namespace for each kind in `pins`, sets it up, and binds it to the path given, which must not exist yet
   * (its folder must). Router advertisements are ignored in a new network namespace. Undone if it fails.
   */
  create(pins: NamespacePins, settings?: NamespaceSettings): Promise<void>;
  /** Applies settings to namespaces that are pinned already. */
  configure(pins: NamespacePins, settings: NamespaceSettings): Promise<void>;
  /**
   * Connects by TCP from inside a network namespace, and answers the descriptor of the connected socket, which is the
   * caller's: `new net.Socket({ fd })`.
   * @throws SyscallError ECONNREFUSED and others, DEADLINE_EXCEEDED, CANCELED
   */
  connect(net: string, options: ConnectOptions): Promise<number>;
  /** A file of `/proc/net` there, such as `dev`. */
  readProcNet(net: string, file: string): Promise<string>;
  /** A sysctl of a pod's own namespaces, without the line's end. */
  readSysctl(pins: NamespacePins, key: string): Promise<string>;
  /** The addresses of all interfaces that are up. */
  addresses(net: string): Promise<readonly InterfaceAddress[]>;
  /** Waits for the calls under way and ends the thread. Idempotent. */
  close(): Promise<void>;
}

/** Warms libuv's pool, so that its threads are born on the host, and starts the thread. */
export async function openNamespaces(options: NamespacesOptions = {}): Promise<Namespaces> {
  await stat("/proc/self/ns/net");
  const worker = new NamespaceWorker(
    options.entry ?? new URL(import.meta.resolve("@keelson/linux-engine/namespace-worker")),
    options.callDeadlineMs ?? 30_000,
  );
  return {
    create: async (pins, settings = {}) => worker.call("create", { pins, settings }),
    configure: async (pins, settings) => worker.call("configure", { pins, settings }),
    connect: async (net, { address, port, deadlineMs, signal }) => {
      if (signal?.aborted === true) throw canceled(`connect to ${address} port ${port}`, { cause: signal.reason });
      const fd = await worker.call("connect", { net, address, port });
      try {
        await awaitConnected(fd, `${address} port ${port}`, deadlineMs, signal);
      } catch (error) {
        closeSync(fd);
        throw error;
      }
      return fd;
    },
    readProcNet: (net, file) => worker.call("read", { pins: { net }, file: { procNet: file } }),
    readSysctl: async (pins, key) => (await worker.call("read", { pins, file: { sysctl: key } })).trimEnd(),
    addresses: (net) => worker.call("addresses", { net }),
    close: () => worker.close(),
    [Symbol.asyncDispose]: () => worker.close(),
  };
}

interface Pending {
  readonly call: NamespaceCall;
  readonly timer: NodeJS.Timeout;
  resolve(result: unknown): void;
  reject(error: CriError): void;
}

class NamespaceWorker {
  readonly #entry: URL;
  readonly #callDeadlineMs: number;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #onIdle: (() => void) | undefined;

  constructor(entry: URL, callDeadlineMs: number) {
    this.#entry = entry;
    this.#callDeadlineMs = callDeadlineMs;
    this.#worker = this.#start();
  }

  call<K extends NamespaceCall>(
    call: K,
    request: Parameters<NamespaceCalls[K]>[0],
  ): Promise<ReturnType<NamespaceCalls[K]>> {
    if (this.#closing !== undefined) return Promise.reject(canceled(`${call} namespaces: the engine is closing`));
    this.#worker ??= this.#start();
    const worker = this.#worker;
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // Stuck in the kernel. It ends as soon as that call returns, before it does anything more.
        const error = deadlineExceeded(`${call} namespaces: not done after ${this.#callDeadlineMs} ms`);
        this.#drop(worker, error);
        worker.terminate().catch((failure: unknown) => process.emitWarning(String(failure)));
      }, this.#callDeadlineMs);
      this.#pending.set(id, { call, timer, resolve: resolve as (result: unknown) => void, reject });
      worker.ref();
      worker.postMessage({ id, call, request } as NamespaceRequest);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = new Worker(this.#entry, { name: "namespaces", execArgv: [], env: {} });
    let cause: unknown;
    worker.on("message", (reply: NamespaceReply) => this.#settle(worker, reply));
    worker.on("error", (error) => {
      cause = error;
    });
    worker.on("exit", (code) => {
      this.#drop(worker, internal(`use namespaces: their thread ended with code ${code}`, { cause }));
    });
    worker.unref();
    return worker;
  }

  #settle(worker: Worker, reply: NamespaceReply): void {
    const pending = this.#pending.get(reply.id);
    if (pending === undefined) return;
    this.#pending.delete(reply.id);
    clearTimeout(pending.timer);
    if ("error" in reply) pending.reject(fromWireError(reply.error));
    else pending.resolve(reply.result);
    this.#idle(worker);
  }

  /** The thread is lost: all that was asked of it fails. */
  #drop(worker: Worker, error: CriError): void {
    if (worker !== this.#worker) return;
    this.#worker = undefined;
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(new CriError(error.code, `${pending.call}: ${error.message}`, { cause: error.cause }));
    }
    this.#pending.clear();
    this.#idle(worker);
  }

  #idle(worker: Worker): void {
    if (this.#pending.size > 0) return;
    worker.unref();
    this.#onIdle?.();
  }
}
