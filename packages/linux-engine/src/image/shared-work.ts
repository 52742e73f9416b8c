import { canceled } from "@keelson/cri-api/errors";

interface Running {
  readonly done: Promise<void>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * Work that several callers may want at the same time is done once. It is given up when the last of them has given up;
 * its end, good or bad, is everybody's who still waits.
 */
export class SharedWork {
  readonly #running = new Map<string, Running>();
  /** All that is being done, also what was given up and has not noticed yet. */
  readonly #unfinished = new Set<Promise<void>>();

  /**
   * Waits for the work of this key, beginning it if nobody has. When `signal` fires and others wait, too, it leaves them
   * alone with it; the last one gives the work up and waits until it has ended.
   * @throws what the work throws; CANCELED when `signal` fires
   */
  async join(key: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (signal.aborted) throw canceled("pull: it was given up", { cause: signal.reason });
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.waiting++;
    const given = Promise.withResolvers<never>();
    const giveUp = (): void => given.reject(canceled("pull: it was given up", { cause: signal.reason }));
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await Promise.race([running.done, given.promise]);
    } finally {
      signal.removeEventListener("abort", giveUp);
      running.waiting--;
      if (running.waiting === 0) await this.#giveUp(key, running);
    }
  }

  /** Resolves when nothing is being done any more. */
  async idle(): Promise<void> {
    while (this.#unfinished.size > 0) await Promise.allSettled(this.#unfinished);
  }

  #begin(key: string, work: (signal: AbortSignal) => Promise<void>): Running {
    const controller = new AbortController();
    const done = work(controller.signal).finally(() => {
      this.#unfinished.delete(done);
      if (this.#running.get(key) === running) this.#running.delete(key);
    });
    this.#unfinished.add(done);
    done.catch(() => undefined); // everybody may have given up
    const running: Running = { done, controller, waiting: 0 };
    this.#running.set(key, running);
    return running;
  }

  /** The next caller begins anew. */
  async #giveUp(key: string, running: Running): Promise<void> {
    running.controller.abort();
    if (this.#running.get(key) === running) this.#running.delete(key);
    await running.done.catch(() => undefined); // whoever waited for its end has been told
  }
}
