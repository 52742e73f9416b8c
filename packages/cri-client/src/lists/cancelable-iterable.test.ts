import { describe, expect, it } from "vitest";
import { cancelableIterable } from "./cancelable-iterable.ts";

/** Gives numbers for ever, and waits at `stopAt` until its signal is aborted, with which it fails. */
function numbers(stopAt: number, outer?: AbortSignal) {
  const signals: AbortSignal[] = [];
  const iterable = cancelableIterable(async function* (signal): AsyncGenerator<number, void> {
    signals.push(signal);
    for (let count = 0; ; count++) {
      if (count === stopAt) {
        await new Promise((_, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener("abort", () => reject(signal.reason));
        });
      }
      yield count;
    }
  }, outer);
  return { iterable, signals };
}

describe("cancelableIterable()", () => {
  it("aborts the run's signal when the loop is left, and begins another for the next loop", async () => {
    const { iterable, signals } = numbers(3);
    for await (const count of iterable) if (count === 2) break;
    for await (const count of iterable) if (count === 1) break;
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true]);
  });

  it("ends what waits for an item when it is returned from", async () => {
    const items = numbers(0).iterable[Symbol.asyncIterator]();
    const waiting = items.next();
    expect(await items.return?.()).toEqual({ done: true, value: undefined });
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await items.next()).toEqual({ done: true, value: undefined });
  });

  it("begins nothing when it is returned from before", async () => {
    const { iterable, signals } = numbers(0);
    const items = iterable[Symbol.asyncIterator]();
    await items.return?.();
    expect(await items.next()).toEqual({ done: true, value: undefined });
    expect(signals).toEqual([]);
  });

  it("passes on the outer signal's reason, also of one that was aborted before", async () => {
    const controller = new AbortController();
    const { iterable, signals } = numbers(0, controller.signal);
    const waiting = iterable[Symbol.asyncIterator]().next();
    controller.abort("enough");
    await expect(waiting).rejects.toBe("enough");
    await expect(iterable[Symbol.asyncIterator]().next()).rejects.toBe("enough");
    expect(signals.map(({ reason }) => reason)).toEqual(["enough", "enough"]);
  });

  it("leaves no listener on the outer signal", async () => {
    let listeners = 0;
    const { signal } = new AbortController();
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => {
      listeners++;
      add(...args);
    };
    signal.removeEventListener = (...args: Parameters<typeof remove>) => {
      listeners--;
      remove(...args);
    };
    const { iterable } = numbers(3, signal);
    for await (const count of iterable) {
      expect(listeners).toBe(1);
      if (count === 1) break;
    }
    expect(listeners).toBe(0);
  });
});
