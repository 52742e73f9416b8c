import type { EngineObserver, SandboxRecord } from "@keelson/runtime-core/ports";
import type { EngineLog } from "./log.ts";
import type { ProcessHandle } from "./sys/pidfd.ts";

export interface SandboxWatchOptions {
  /** One sentence when a READY sandbox is no longer whole. */
  readonly whyNotWhole: (record: SandboxRecord) => Promise<string | undefined>;
  /** The process whose end is the sandbox's, for those that have one: it is seen at once. */
  readonly processOf?: (record: SandboxRecord) => ProcessHandle | undefined;
  /** How often all are looked at; default 10 seconds. */
  readonly intervalMs?: number;
  readonly log: EngineLog;
}

/**
 * Looks again and again whether READY sandboxes are whole: nothing in the kernel tells when somebody unmounts the pin of a
 * namespace. Each loss is told once.
 */
export class SandboxWatch {
  readonly #options: SandboxWatchOptions;
  readonly #watched = new Map<string, SandboxRecord>();
  readonly #processes = new Map<string, ProcessHandle>();
  #observer: EngineObserver | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: SandboxWatchOptions) {
    this.#options = options;
  }

  /** Begins to look, unless it is closed already. */
  observe(observer: EngineObserver): void {
    if (this.#closed) return;
    this.#observer = observer;
    this.#again();
  }

  /** Watches a sandbox, whose record has its steps. */
  add(record: SandboxRecord): void {
    this.#watched.set(record.id, record);
    const process = this.#options.processOf?.(record);
    if (process === undefined) return;
    process.unref();
    this.#processes.set(record.id, process);
    void process.exited.then(() => {
      this.#looking = this.#looking.then(() => this.#lookAt(record));
    });
  }

  drop(id: string): void {
    this.#watched.delete(id);
    this.#processes.get(id)?.close();
    this.#processes.delete(id);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#observer = undefined;
    for (const process of this.#processes.values()) process.close();
    this.#processes.clear();
    await this.#looking;
  }

  #again(): void {
    if (this.#observer === undefined) return;
    this.#timer = setTimeout(() => {
      this.#looking = this.#looking.then(() => this.#look()).finally(() => this.#again());
    }, this.#options.intervalMs ?? 10_000).unref();
  }

  async #look(): Promise<void> {
    for (const record of [...this.#watched.values()]) await this.#lookAt(record);
  }

  async #lookAt(record: SandboxRecord): Promise<void> {
    if (this.#observer === undefined || !this.#watched.has(record.id)) return;
    try {
      const why = await this.#options.whyNotWhole(record);
      if (why === undefined || !this.#watched.has(record.id)) return;
      await this.#observer?.sandboxLost(record.id, why);
      this.drop(record.id);
    } catch (error) {
      this.#options.log.error("could not look at a sandbox", { id: record.id, error });
    }
  }
}
