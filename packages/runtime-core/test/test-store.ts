import type { StateStore } from "../src/ports/index.ts";

/** A store in memory that a test can look into, break, and open again. */
export class TestStore implements StateStore {
  readonly values = new Map<string, Uint8Array>();
  flushes = 0;
  /** Called before each write; what it throws is what the write throws. */
  beforePut: (key: string) => void | Promise<void> = () => {};

  async load(): Promise<ReadonlyMap<string, Uint8Array>> {
    return new Map(this.values);
  }

  async put(key: string, value: Uint8Array): Promise<void> {
    await this.beforePut(key);
    this.values.set(key, value);
  }

  async delete(key: string): Promise<void> {
    this.values.delete(key);
  }

  async flush(): Promise<void> {
    this.flushes++;
  }

  async close(): Promise<void> {}
}
