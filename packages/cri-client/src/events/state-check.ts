import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { Clock } from "./clock.ts";
import type { EventStream } from "./event-stream.ts";
import { type SnapshotLists, takeSnapshot } from "./snapshot.ts";

export interface StateCheckOptions {
  readonly stream: EventStream;
  readonly lists: SnapshotLists;
  readonly clock: Clock;
  /** How long to wait before, in milliseconds. */
  readonly afterMs: number;
}

/** One comparison, some time from now, of a list with what is known from events. Wakes the stream's reader at its end. */
export class StateCheck {
  readonly afterMs: number;
  readonly #controller = new AbortController();
  #outcome: { readonly resyncFor: CriError | undefined } | undefined;

  constructor(options: StateCheckOptions) {
    this.afterMs = options.afterMs;
    void this.#run(options);
  }

  /** Undefined until it is done. `resyncFor`: what was found, undefined where all is as known. */
  get outcome(): { readonly resyncFor: CriError | undefined } | undefined {
    return this.#outcome;
  }

  /** Ends it without an outcome. Idempotent. */
  stop(): void {
    this.#controller.abort();
  }

  async #run({ stream, lists, clock, afterMs }: StateCheckOptions): Promise<void> {
    const { signal } = this.#controller;
    const stop = (): void => this.stop();
    if (stream.signal.aborted) stop();
    else stream.signal.addEventListener("abort", stop);
    try {
      await clock.wait(afterMs, signal);
      if (signal.aborted) return;
      stream.known.watch();
      const different = stream.known.differences(await takeSnapshot(lists, signal));
      this.#outcome = { resyncFor: different === 0 ? undefined : untold(different) };
    } catch (error) {
      // a list that fails says nothing: the resync asks again, and fails aloud
      if (!signal.aborted) this.#outcome = { resyncFor: isCriError(error) ? error : untold("unknown", error) };
    } finally {
      stream.signal.removeEventListener("abort", stop);
    }
    if (!signal.aborted) stream.wake();
  }
}

function untold(count: number | "unknown", cause?: unknown): CriError {
  const message = `compare the list with the events: states that no event has told: ${count}`;
  return new CriError("DATA_LOSS", message, { cause });
}
