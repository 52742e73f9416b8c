import { type CriError, invalidArgument } from "@keelson/cri-api/errors";
import type { Container, ContainerEventResponse, PodSandbox, RuntimeService } from "@keelson/cri-api/v1";
import type { CriClient } from "../call-options.ts";
import type { Channel } from "../channel.ts";
import { cancelableIterable } from "../lists/cancelable-iterable.ts";
import { type Clock, systemClock } from "./clock.ts";
import { followEvents } from "./follow-events.ts";
import type { SnapshotLists } from "./snapshot.ts";

/** What `containerEvents()` hands out. */
export type ContainerEvent =
  /** What happened to a container or a sandbox, as the runtime tells it. */
  | { readonly type: "event"; readonly event: ContainerEventResponse }
  /**
   * The whole state of the node, in place of all that was handed out before. `cause`: why it was taken anew; undefined for
   * the first.
   */
  | {
      readonly type: "resync";
      readonly podSandboxes: PodSandbox[];
      readonly containers: Container[];
      readonly cause: CriError | undefined;
    };

export interface ContainerEventsOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal;
  /** How many events may wait for a slow consumer; beyond it they are dropped for a resync. Default 1,000. */
  readonly maxBuffered?: number;
  /**
   * The longest time between two comparisons of a list with what events have told, in milliseconds, from 1,000. Default
   * 60,000.
   */
  readonly checkIntervalMs?: number;
}

/**
 * Follows what happens to sandboxes and containers: first a resync with all there are, then the events, until the signal
 * is aborted or the loop is left.
 *
 * GetContainerEvents tells nothing of what happened before it was opened, and has no cursor. So the list is taken after
 * the stream was opened, what happens meanwhile waits behind it, and there is another resync whenever something may have
 * been missed: after each reconnect, when more events came than wait for a slow consumer, and when a list shows what no
 * event has told (a runtime registers its listener some time after it has taken the call, and CRI-O drops events when too
 * many wait). Such lists are compared 1, 2, 4, … seconds after the opening and after the first event, then once in
 * `checkIntervalMs`. What is handed out in the end is thus the node's state; an event may be older than the resync before
 * it (containerd keeps them for five minutes), and then what has followed is on its way too.
 *
 * A stream that breaks is opened again as soon as the connection is ready, with a backoff of 100 ms to 3 s when it breaks
 * again and again: each time with a resync, so that even a runtime whose streams never last is seen at that pace.
 * `events-resync` tells of each but the first.
 * @throws UNIMPLEMENTED (reason EVENTS_NOT_SERVED): the runtime, or the version that was negotiated, has no events;
 *   FAILED_PRECONDITION (EVENTS_NOT_SERVED): the stream ends with OK as soon as it is opened, as CRI-O's does that has
 *   events switched off; what the connection says when it will not be ready again (closed, restart required); what the
 *   runtime refuses the call with; a list's error when three in a row fail on one connection, but for UNAVAILABLE,
 *   which passes
 */
export type FollowContainerEvents = (options?: ContainerEventsOptions) => AsyncIterable<ContainerEvent>;

export interface ContainerEventsSource {
  readonly channel: Channel;
  readonly client: Pick<CriClient<typeof RuntimeService>, "getContainerEvents">;
  readonly lists: SnapshotLists;
  /** Aborted when the connection is closed: ends the pauses. */
  readonly closed?: AbortSignal;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** From 0 to 1, for the jitter. Default: Math.random. */
  readonly random?: () => number;
}

export function createContainerEvents(source: ContainerEventsSource): FollowContainerEvents {
  const { channel, client, lists, closed, clock = systemClock, random = Math.random } = source;
  return ({ signal: outer, maxBuffered = 1000, checkIntervalMs = 60_000 } = {}) => {
    if (!(maxBuffered >= 1)) {
      throw invalidArgument(`follow container events: maxBuffered is ${maxBuffered}, want 1 or more`);
    }
    if (!(checkIntervalMs >= 1000)) {
      throw invalidArgument(`follow container events: checkIntervalMs is ${checkIntervalMs}, want 1000 or more`);
    }
    return cancelableIterable(async function* (signal) {
      try {
        yield* followEvents({ channel, client, lists, maxBuffered, checkIntervalMs, signal, closed, clock, random });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    }, outer);
  };
}
