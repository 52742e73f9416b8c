import type { Case } from "../case.ts";

/** Lets cases run side by side, but for those that want to be alone. They come in the order in which they asked. */
export class Locks {
  readonly #running = new Set<Case>();
  readonly #waiting: { readonly one: Case; readonly go: () => void }[] = [];

  /** Waits for its turn. @returns what ends it */
  async enter(one: Case): Promise<() => void> {
    await new Promise<void>((go) => {
      this.#waiting.push({ one, go });
      this.#next();
    });
    return () => {
      this.#running.delete(one);
      this.#next();
    };
  }

  #next(): void {
    for (;;) {
      const [first] = this.#waiting;
      if (first === undefined || !this.#mayRun(first.one)) return;
      this.#waiting.shift();
      this.#running.add(first.one);
      first.go();
    }
  }

  #mayRun(one: Case): boolean {
    const others = [...this.#running];
    if (one.alone === "node") return others.length === 0;
    return others.every(({ alone }) => alone === undefined || (alone === "images" && one.alone !== "images"));
  }
}
