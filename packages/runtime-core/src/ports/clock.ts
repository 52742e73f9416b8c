/** Time as the core sees it, so that a test can move it. */
export interface Clock {
  /** Nanoseconds since 1970. Never goes backwards. */
  now(): bigint;
  /**
   * Calls `run` once, `delayMs` from now, unless the returned timer is cancelled before. A pending timer keeps no
   * process alive.
   */
  after(delayMs: number, run: () => void): Timer;
}

export interface Timer {
  /** Idempotent. */
  cancel(): void;
}
