import { CriError } from "@keelson/cri-api/errors";
import type { RuntimeService } from "@keelson/cri-api/v1";
import { criServices } from "@keelson/cri-api/versions";
import type { CriClient } from "../call-options.ts";
import type { Channel } from "../channel.ts";
import { Attempts, eventsNotServed } from "./attempts.ts";
import type { Clock } from "./clock.ts";
import type { ContainerEvent } from "./container-events.ts";
import { EventStream } from "./event-stream.ts";
import { type Snapshot, type SnapshotLists, takeSnapshot } from "./snapshot.ts";
import { StateCheck } from "./state-check.ts";

export interface FollowOptions {
  readonly channel: Channel;
  readonly client: Pick<CriClient<typeof RuntimeService>, "getContainerEvents">;
  readonly lists: SnapshotLists;
  readonly maxBuffered: number;
  readonly checkIntervalMs: number;
  /** Ends the iteration. */
  readonly signal: AbortSignal;
  /** Aborted when the connection is closed: ends a pause. */
  readonly closed: AbortSignal | undefined;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The first comparison of a list with what events have told; each later one takes twice as long to come. */
const firstCheckMs = 1000;
/** What a timer can hold. */
const longestTimerMs = 2 ** 31 - 1;

/** The iteration behind `containerEvents()`. All of it happens when the consumer asks, but the reading of the stream. */
export async function* followEvents(options: FollowOptions): AsyncGenerator<ContainerEvent, void> {
  const { channel, client, clock, maxBuffered, signal, closed } = options;
  const attempts = new Attempts(channel.endpoint, options.random);
  const pauseEnds = closed === undefined ? signal : AbortSignal.any([signal, closed]);
  let cause: CriError | undefined;
  let resyncs = 0;
  while (!signal.aborted) {
    const epoch = await channel.ready(signal);
    if (!("getContainerEvents" in criServices[channel.version].runtime.method)) {
      const why = `CRI ${channel.version} has no GetContainerEvents`;
      throw eventsNotServed(channel.endpoint, "UNIMPLEMENTED", why);
    }
    // The stream is on its way before the list is: the calls of one connection go out in their order. When the runtime
    // begins to listen is not told (the headers come with the first event), so a list that is answered sooner may miss
    // what happens between: the comparisons find it.
    const stream = new EventStream({ client, clock, maxBuffered, signal });
    try {
      cause = yield* readStream(stream, epoch);
    } finally {
      stream.close();
    }
    const pauseMs = attempts.pauseMs();
    if (pauseMs > 0) await clock.wait(pauseMs, pauseEnds);
  }

  /** A resync and the events after it, again and again until the stream is over. Returns why there is to be another. */
  async function* readStream(stream: EventStream, epoch: number): AsyncGenerator<ContainerEvent, CriError> {
    for (;;) {
      let snapshot: Snapshot | undefined;
      try {
        snapshot = await takeSnapshotBeside(stream, epoch);
      } catch (error) {
        return attempts.listFailed(error, epoch);
      }
      if (snapshot !== undefined) {
        attempts.listed();
        if (resyncs++ === 0) cause = undefined;
        else channel.emit({ type: "events-resync", endpoint: channel.endpoint, cause });
        yield { type: "resync", ...snapshot, cause };
        const resyncFor = yield* readEvents(stream);
        if (resyncFor !== undefined) {
          cause = resyncFor;
          stream.restart();
          continue;
        }
      }
      return attempts.ended(await stream.ended, epoch);
    }
  }

  /** Undefined where it turns out meanwhile that there is no stream. One that merely broke has its snapshot. */
  async function takeSnapshotBeside(stream: EventStream, epoch: number): Promise<Snapshot | undefined> {
    const unwanted = new AbortController();
    const abort = (): void => unwanted.abort();
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    try {
      const taken = takeSnapshot(options.lists, unwanted.signal);
      const end = await Promise.race([stream.ended, taken.then(() => undefined)]);
      if (end !== undefined && attempts.isNone(end, epoch)) return undefined;
      const snapshot = await taken;
      stream.learn(snapshot);
      return snapshot;
    } finally {
      unwanted.abort();
      signal.removeEventListener("abort", abort);
    }
  }

  /** Returns why a resync is due, or undefined when the stream is over and its events are handed out. */
  async function* readEvents(stream: EventStream): AsyncGenerator<ContainerEvent, CriError | undefined> {
    let proven = stream.gaveEvents;
    let check = checkAfter(stream, firstCheckMs);
    try {
      for (;;) {
        for (let events = stream.take(); events.length > 0; events = stream.take()) {
          for (const event of events) {
            if (signal.aborted) return undefined;
            yield { type: "event", event };
          }
        }
        if (stream.end !== undefined) return undefined;
        if (stream.overflowed) {
          return new CriError(
            "RESOURCE_EXHAUSTED",
            `follow container events at ${channel.endpoint}: more than ${maxBuffered} waited for their consumer`,
          );
        }
        const { outcome } = check;
        if (outcome?.resyncFor !== undefined) return outcome.resyncFor;
        if (outcome !== undefined) check = checkAfter(stream, check.afterMs * 2);
        if (!proven && stream.gaveEvents) {
          // from its first event on the runtime is known to listen
          proven = true;
          check.stop();
          check = checkAfter(stream, firstCheckMs);
        }
        await stream.change();
      }
    } finally {
      check.stop();
    }
  }

  function checkAfter(stream: EventStream, ms: number): StateCheck {
    const afterMs = Math.min(ms, options.checkIntervalMs, longestTimerMs);
    return new StateCheck({ stream, lists: options.lists, clock, afterMs });
  }
}
