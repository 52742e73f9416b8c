import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { ContainerEventResponse, RuntimeService } from "@keelson/cri-api/v1";
import type { CriClient } from "../call-options.ts";
import type { Clock } from "./clock.ts";
import { KnownStates } from "./known-states.ts";
import type { Snapshot } from "./snapshot.ts";

export interface EventStreamOptions {
  readonly client: Pick<CriClient<typeof RuntimeService>, "getContainerEvents">;
  readonly clock: Clock;
  /** How many events may wait for their reader. */
  readonly maxBuffered: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** How a stream of events ended. */
export interface StreamEnd {
  /** Undefined: with the status OK. */
  readonly error: CriError | undefined;
  readonly livedMs: number;
  readonly gaveEvents: boolean;
}

/**
 * One GetContainerEvents call, read as fast as the runtime sends, whatever its reader does: a runtime that can't get rid
 * of an event stops telling its other clients (CRI-O), or drops it unsaid. What waits for the reader is bounded; beyond
 * the bound all of it is dropped, `overflowed` says so, and nothing is kept until `restart()`.
 */
export class EventStream {
  /** What the reader will know when it has read all that waits. */
  readonly known: KnownStates = new KnownStates();
  /** Resolves when the stream has ended. */
  readonly ended: Promise<StreamEnd>;
  /** Aborted when the stream has ended. */
  readonly signal: AbortSignal;
  readonly #maxBuffered: number;
  readonly #controller: AbortController;
  #waiting: ContainerEventResponse[] = [];
  #overflowed = false;
  #gaveEvents = false;
  #end: StreamEnd | undefined;
  #wake: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#maxBuffered = options.maxBuffered;
    this.#controller = new AbortController();
    this.signal = this.#controller.signal;
    this.ended = this.#read(options);
  }

  /** How it ended, once it has. */
  get end(): StreamEnd | undefined {
    return this.#end;
  }

  get overflowed(): boolean {
    return this.#overflowed;
  }

  get gaveEvents(): boolean {
    return this.#gaveEvents;
  }

  /** The events that wait, which wait no longer. */
  take(): readonly ContainerEventResponse[] {
    const taken = this.#waiting;
    this.#waiting = [];
    return taken;
  }

  /** Keeps events again after an overflow. */
  restart(): void {
    this.#overflowed = false;
  }

  /** Brings what is known to a list that was asked for when no event waited: those that wait now are newer. */
  learn(snapshot: Snapshot): void {
    this.known.reset(snapshot);
    for (const event of this.#waiting) this.known.apply(event);
  }

  /** Resolves at the next event, overflow, `wake()` or the end. One waits at a time. */
  change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  wake(): void {
    this.#wake?.();
  }

  /** Ends the call. Idempotent. */
  close(): void {
    this.#controller.abort();
  }

  async #read({ client, clock, signal }: EventStreamOptions): Promise<StreamEnd> {
    const openedAt = clock.now();
    const abort = (): void => this.#controller.abort(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    let error: CriError | undefined;
    try {
      for await (const event of client.getContainerEvents({}, { signal: this.signal })) this.#keep(event);
    } catch (thrown) {
      error = isCriError(thrown)
        ? thrown
        : new CriError("UNKNOWN", "read container events: the stream failed", { cause: thrown });
    }
    signal.removeEventListener("abort", abort);
    this.#end = { error, livedMs: clock.now() - openedAt, gaveEvents: this.#gaveEvents };
    this.#controller.abort();
    this.wake();
    return this.#end;
  }

  #keep(event: ContainerEventResponse): void {
    this.#gaveEvents = true;
    if (this.#overflowed) return;
    if (this.#waiting.length < this.#maxBuffered) {
      this.#waiting.push(event);
      this.known.apply(event);
    } else {
      this.#waiting = [];
      this.#overflowed = true;
    }
    this.wake();
  }
}
