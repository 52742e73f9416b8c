/** Something happened: wakes everyone who waits for it now, and nobody who comes later. */
export class Signal {
  readonly #waiting = new Set<() => void>();

  fire(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }

  /** Waits for the next firing, the abort or the deadline (by `performance.now()`), and keeps the process alive meanwhile. */
  next(until: {
    readonly signal?: AbortSignal | undefined;
    readonly deadline?: number | undefined;
  }): Promise<"fired" | "aborted" | "late"> {
    const { signal, deadline } = until;
    return new Promise((resolve) => {
      const settle = (how: "fired" | "aborted" | "late"): void => {
        clearTimeout(timer);
        this.#waiting.delete(onFire);
        signal?.removeEventListener("abort", onAbort);
        resolve(how);
      };
      const onFire = (): void => settle("fired");
      const onAbort = (): void => settle("aborted");
      const leftMs = deadline === undefined ? longestTimerMs : deadline - performance.now();
      const timer = setTimeout(() => settle("late"), Math.min(Math.max(0, leftMs), longestTimerMs));
      if (signal?.aborted) {
        settle("aborted");
        return;
      }
      this.#waiting.add(onFire);
      signal?.addEventListener("abort", onAbort);
    });
  }

  /** Waits for the next firing, at most so long. Keeps no process alive. */
  nextOrAfter(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(settle);
        resolve();
      };
      const timer = setTimeout(settle, Math.min(ms, longestTimerMs));
      timer.unref();
      this.#waiting.add(settle);
    });
  }
}

const longestTimerMs = 2 ** 31 - 1;
