/**
 * Undoes in-process things (sockets, timers, locks) in reverse order. Every entry runs, also past failures; what
 * failed is thrown together at the end. Kernel resources are not its business: those are steps with a revert.
 */
export class CleanupStack implements AsyncDisposable {
  #entries: { readonly name: string; readonly run: () => unknown }[] = [];
  #closing: Promise<void> | undefined;

  /** Registers what undoes the thing just acquired. */
  defer(name: string, run: () => unknown): void {
    if (this.#closing !== undefined) throw new Error(`defer ${name}: the stack is closed`);
    this.#entries.push({ name, run });
  }

  /** Runs everything, last in first out. Idempotent: a second call waits for the first. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (const entry of this.#entries.toReversed()) {
      try {
        await entry.run();
      } catch (cause) {
        failures.push(new Error(`clean up ${entry.name}`, { cause }));
      }
    }
    this.#entries = [];
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several clean-ups failed");
  }
}
