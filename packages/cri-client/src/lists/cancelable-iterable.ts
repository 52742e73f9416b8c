/**
 * An iterable that can be iterated several times, each time by a run of `iterate` of its own. The run's signal is aborted
 * when the run is over for any reason: `outer` was aborted, the consumer left its loop, or called `return()` while it
 * waited for an item. (Connect's own streams go on when their consumer leaves.)
 */
export function cancelableIterable<Item>(
  iterate: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  outer?: AbortSignal,
): AsyncIterable<Item> {
  return { [Symbol.asyncIterator]: () => cancelableIterator(iterate, outer) };
}

function cancelableIterator<Item>(
  iterate: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  outer: AbortSignal | undefined,
): AsyncIterator<Item, void> {
  const controller = new AbortController();
  const abort = (): void => controller.abort(outer?.reason);
  let left = false;

  async function* run(): AsyncGenerator<Item, void> {
    if (outer?.aborted) abort();
    else outer?.addEventListener("abort", abort, { once: true });
    try {
      yield* iterate(controller.signal);
    } catch (error) {
      // who has left is not told how the call that he left was ended
      if (!left) throw error;
    } finally {
      outer?.removeEventListener("abort", abort);
      controller.abort();
    }
  }

  const items = run();
  return {
    next: () => items.next(),
    return() {
      left = true;
      controller.abort();
      return items.return();
    },
  };
}
