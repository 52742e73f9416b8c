import { unavailable } from "@keelson/cri-api/errors";
import type { Log } from "../log.ts";
import { startWork, type Work, type WorkTask } from "./work.ts";

/**
 * Works by key, one at a time for each: who asks for what already runs shares it. So a caller that gave up and comes
 * again joins its own operation instead of queueing behind it.
 */
export class SharedWorks {
  readonly #running = new Map<string, Work<unknown>>();
  readonly #log: Log;
  #closing = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The running work of this key, else a new one. A key always has works of one type. */
  run<T>(key: string, firstStage: string, begin: (task: WorkTask) => Promise<T>): Work<T> {
    const running = this.#running.get(key);
    if (running !== undefined) return running as Work<T>;
    if (this.#closing) throw unavailable("the runtime is stopping", { hint: "call again when it runs" });
    const work = startWork(firstStage, async (task) => {
      try {
        return await begin(task);
      } catch (error) {
        // its callers may all have gone
        this.#log.info("operation failed", { operation: key, error });
        throw error;
      } finally {
        this.#running.delete(key);
      }
    });
    this.#running.set(key, work);
    return work;
  }

  running(key: string): Work<unknown> | undefined {
    return this.#running.get(key);
  }

  get size(): number {
    return this.#running.size;
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** Takes no more, aborts what runs and waits for its end. */
  async close(reason: Error): Promise<void> {
    this.#closing = true;
    const works = [...this.#running.values()];
    for (const work of works) work.abort(reason);
    await Promise.allSettled(works.map((work) => work.promise));
  }
}
