/** The time, as the parts that wait see it. */
export interface Clock {
  /** Milliseconds since some moment; never goes back. */
  now(): number;
  /** Resolves after so many milliseconds, or when the signal is aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", settle);
        resolve();
      };
      const timer = setTimeout(settle, ms);
      signal.addEventListener("abort", settle);
    }),
};
