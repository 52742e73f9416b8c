/** Wakes one waiter. What happens between a look at `count` and the wait is not missed. */
export class Wake {
  #count = 0;
  #resolve: (() => void) | undefined;

  /** How often it was woken. */
  get count(): number {
    return this.#count;
  }

  notify(): void {
    this.#count++;
    this.#resolve?.();
  }

  /** Resolves as soon as it has been woken since `count` was `seen`, or after `maxMs`. */
  async wait(seen: number, maxMs: number): Promise<void> {
    if (this.#count !== seen) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
      timer = setTimeout(resolve, maxMs);
    });
    clearTimeout(timer);
    this.#resolve = undefined;
  }
}
