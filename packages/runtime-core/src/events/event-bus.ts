import { CriError } from "@keelson/cri-api/errors";
import type { ContainerEventResponse } from "@keelson/cri-api/v1";
import type { Log } from "../log.ts";
import type { Clock, Timer } from "../ports/index.ts";

/** An event as every subscriber gets it: one object for all, never changed. */
export interface BusEvent {
  readonly message: ContainerEventResponse;
  readonly sizeBytes: number;
}

export interface EventBusOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** How many events a subscriber may be behind. Default 4096. */
  readonly mostEvents?: number;
  /** How many bytes of events a subscriber may be behind. Default 32 MiB. */
  readonly mostBytes?: number;
  /** How many may subscribe at once. Default 16,384. */
  readonly mostSubscribers?: number;
  /** How long after `open` a subscriber gets everything since the start. Default 60 seconds. */
  readonly openingMs?: number;
}

export interface Subscriber {
  /** How the caller calls itself, for the log. */
  readonly caller: string;
  /** Called when the subscriber is cut off, as it may never come for the next event. */
  readonly onCutOff: () => void;
}

/** One reader of the events. */
export interface Subscription {
  /**
   * The next event, in order, each once. One call at a time.
   * @throws RESOURCE_EXHAUSTED when the subscriber is too far behind: it has to begin anew; the reason of `close`; the
   *   signal's reason
   */
  next(signal: AbortSignal): Promise<BusEvent>;
  /** Idempotent. */
  close(): void;
}

const wokenAtOnce = 64;

/** A place in the chain: what has been published up to here. The chain is held by who has not read it. */
interface Place {
  readonly event: BusEvent | undefined;
  readonly events: number;
  readonly bytes: number;
  next: Place | undefined;
}

interface Reader extends Subscriber {
  readonly number: number;
  place: Place;
  end: Error | undefined;
  wake: (() => void) | undefined;
}

/**
 * Events to any number of subscribers.
 *
 * Life: events are published from the start of the core on. Each is made and encoded once and appended to a chain; a
 * subscriber is a place in it and moves on when it reads, so that its cost does not depend on how far it is behind, and
 * what all have read is free. Who is more than `mostEvents` or `mostBytes` behind is *cut off* with RESOURCE_EXHAUSTED
 * and named in the log once: it lists anew and subscribes again. So nobody waits for a subscriber, and however many hang,
 * they hold one chain of that length. Who subscribes in the first minute after `open` begins at the start: with what was
 * found to have happened while no core ran. Everybody else begins with what happens next. `close` ends all with its
 * reason.
 */
export class EventBus {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #mostEvents: number;
  readonly #mostBytes: number;
  readonly #mostSubscribers: number;
  readonly #openingMs: number;
  readonly #readers = new Set<Reader>();
  #last: Place = newPlace();
  /** Where subscribers of the first minute begin. */
  #opening: Place | undefined = this.#last;
  #openingEnds: Timer | undefined;
  #later: ReturnType<typeof setTimeout> | undefined;
  #closed: Error | undefined;
  #subscribed = 0;
  #dropped = 0;

  constructor(options: EventBusOptions) {
    this.#log = options.log;
    this.#clock = options.clock;
    this.#mostEvents = options.mostEvents ?? 4096;
    this.#mostBytes = options.mostBytes ?? 32 * 1024 * 1024;
    this.#mostSubscribers = options.mostSubscribers ?? 16_384;
    this.#openingMs = options.openingMs ?? 60_000;
  }

  /** How many subscribers there are. */
  get size(): number {
    return this.#readers.size;
  }

  /** How many events have been told so far. */
  get published(): number {
    return this.#last.events;
  }

  /** How many subscribers have been cut off so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** From now on there can be subscribers. */
  open(): void {
    this.#openingEnds = this.#clock.after(this.#openingMs, () => {
      this.#opening = undefined;
    });
  }

  /** Tells everybody. `make` is not called when nobody hears. */
  publish(make: () => BusEvent): void {
    if (this.#readers.size === 0 && this.#opening === undefined) return;
    const event = make();
    const { events, bytes } = this.#last;
    const place: Place = { event, events: events + 1, bytes: bytes + event.sizeBytes, next: undefined };
    this.#last.next = place;
    this.#last = place;
    if (this.#opening !== undefined && this.#isTooFar(this.#opening)) {
      this.#opening = undefined;
      this.#log.warn("too many events since the start; new subscribers begin with what happens next");
    }
    for (const reader of this.#readers) {
      if (this.#isTooFar(reader.place)) this.#cutOff(reader);
    }
    this.#wakeSome();
  }

  /** @throws RESOURCE_EXHAUSTED when there are too many subscribers; the reason of `close` */
  subscribe(subscriber: Subscriber): Subscription {
    if (this.#closed !== undefined) throw this.#closed;
    if (this.#readers.size >= this.#mostSubscribers) {
      throw new CriError("RESOURCE_EXHAUSTED", `subscribe to events: there are ${this.#mostSubscribers} subscribers`, {
        hint: "end subscriptions that nobody reads",
      });
    }
    const reader: Reader = {
      ...subscriber,
      number: ++this.#subscribed,
      place: this.#opening ?? this.#last,
      end: undefined,
      wake: undefined,
    };
    this.#readers.add(reader);
    return { next: (signal) => next(reader, signal), close: () => this.#end(reader, new Error("closed")) };
  }

  /** Ends all subscriptions with this reason and takes no more. Idempotent. */
  close(reason: Error): void {
    this.#closed ??= reason;
    this.#openingEnds?.cancel();
    clearTimeout(this.#later);
    this.#opening = undefined;
    for (const reader of this.#readers) this.#end(reader, reason);
  }

  /** Some now and the others in later turns of the loop: thousands at once would hold up every call. */
  #wakeSome(): void {
    let woken = 0;
    for (const reader of this.#readers) {
      const { wake, place } = reader;
      if (wake === undefined || place.next === undefined) continue;
      if (woken++ === wokenAtOnce) {
        this.#later ??= setTimeout(() => {
          this.#later = undefined;
          this.#wakeSome();
        }, 0);
        return;
      }
      wake();
      reader.wake = undefined;
      // to the end: nobody is passed over for long
      this.#readers.delete(reader);
      this.#readers.add(reader);
    }
  }

  #isTooFar(place: Place): boolean {
    return this.#last.events - place.events > this.#mostEvents || this.#last.bytes - place.bytes > this.#mostBytes;
  }

  #cutOff(reader: Reader): void {
    const events = this.#last.events - reader.place.events;
    const bytes = this.#last.bytes - reader.place.bytes;
    const reason = new CriError(
      "RESOURCE_EXHAUSTED",
      `events: the subscriber does not read, ${events} events (${bytes} bytes) wait for it`,
      { hint: "list what there is and subscribe again" },
    );
    const { number, caller } = reader;
    this.#log.warn("event subscriber does not read; it is cut off", { subscriber: number, caller, events, bytes });
    this.#dropped++;
    this.#end(reader, reason);
    reader.onCutOff();
  }

  #end(reader: Reader, reason: Error): void {
    if (!this.#readers.delete(reader)) return;
    reader.end = reason;
    // lets go of the chain
    reader.place = newPlace();
    reader.wake?.();
  }
}

const newPlace = (): Place => ({ event: undefined, events: 0, bytes: 0, next: undefined });

async function next(reader: Reader, signal: AbortSignal): Promise<BusEvent> {
  for (;;) {
    signal.throwIfAborted();
    if (reader.end !== undefined) throw reader.end;
    const { next: place } = reader.place;
    if (place?.event !== undefined) {
      reader.place = place;
      return place.event;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = (): void => resolve();
    reader.wake = wake;
    signal.addEventListener("abort", wake, { once: true });
    await promise;
    signal.removeEventListener("abort", wake);
    reader.wake = undefined;
  }
}
