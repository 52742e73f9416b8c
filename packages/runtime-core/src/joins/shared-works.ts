import { unavailable } from "@keelson/cri-api/errors";
import type { Log } from "../log.ts";
import type { OperationName, Operations } from "../telemetry/operations.ts";
import { startWork, type Work, type WorkStart, type WorkTask } from "./work.ts";

export interface SharedWorkStart extends Omit<WorkStart, "watch"> {
  /** What it is found by. A key always has works of one type. */
  readonly key: string;
  readonly operation: OperationName;
}

/**
 * Works by key, one at a time for each: who asks for what already runs shares it. So a caller that gave up and comes
 * again joins its own operation instead of queueing behind it.
 */
export class SharedWorks {
  readonly #running = new Map<string, Work<unknown>>();
  readonly #log: Log;
  readonly #operations: Operations;
  #closing = false;

  constructor(log: Log, operations: Operations) {
    this.#log = log;
    this.#operations = operations;
  }

  /** The running work of this key, else a new one. */
  run<T>(start: SharedWorkStart, begin: (task: WorkTask) => Promise<T>): Work<T> {
    const { key, operation } = start;
    const running = this.#running.get(key);
    if (running !== undefined) {
      this.#operations.joined(operation);
      return running as Work<T>;
    }
    if (this.#closing) throw unavailable("the runtime is stopping", { hint: "call again when it runs" });
    const work = startWork({ ...start, watch: this.#operations.begin(operation) }, async (task) => {
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
