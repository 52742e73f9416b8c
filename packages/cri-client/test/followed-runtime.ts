import type { ConnectError } from "@connectrpc/connect";
import {
  type ContainerEventResponse,
  ContainerEventType,
  ContainerState,
  type GetEventsRequest,
  type PodSandboxState,
} from "@keelson/cri-api/v1";
import { type CriConnection, type CriConnectionEvent, connectCri } from "@keelson/cri-client";
import type { CriCallOptions } from "../src/call-options.ts";
import type { Channel } from "../src/channel.ts";
import type { Clock } from "../src/events/clock.ts";
import {
  type ContainerEvent,
  type ContainerEventsOptions,
  createContainerEvents,
} from "../src/events/container-events.ts";
import { EventFeed, type EventInit, type RuntimeParts, StreamingRuntime } from "./streaming-runtime.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  /** All waits so far, in milliseconds. */
  readonly asked: number[] = [];
  #now = 0;
  readonly #waits = new Set<{ readonly ms: number; readonly dueAt: number; readonly end: () => void }>();
  readonly #watchers = new Set<() => void>();

  now(): number {
    return this.#now;
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waits.delete(wait);
        resolve();
      };
      const wait = { ms, dueAt: this.#now + ms, end };
      if (signal.aborted) return resolve();
      signal.addEventListener("abort", end, { once: true });
      this.#waits.add(wait);
      this.asked.push(ms);
      for (const watch of this.#watchers) watch();
    });
  }

  /** Resolves when someone waits for so many milliseconds. */
  waitedFor(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const watch = (): void => {
        if (![...this.#waits].some((wait) => wait.ms === ms)) return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const wait of [...this.#waits]) if (wait.dueAt <= this.#now) wait.end();
  }
}

/** A runtime with sandboxes and containers as a test sets them, and a client that follows its events. */
export class FollowedRuntime implements AsyncDisposable {
  readonly sandboxes = new Map<string, PodSandboxState>();
  readonly containers = new Map<string, ContainerState>();
  readonly feed = new EventFeed();
  readonly clock = new ManualClock();
  /** The calls in the order in which the runtime got them. */
  readonly calls: string[] = [];
  /** The causes of the resyncs that were told. */
  readonly told: (string | undefined)[] = [];
  /** Runs before a list of containers is answered. */
  beforeList: () => void | Promise<void> = () => {};
  /** What who asks for events is refused with. */
  refusal: ConnectError | undefined;
  readonly cri: CriConnection;
  readonly #runtime: StreamingRuntime;
  readonly #closed = new AbortController();
  readonly #changed: Wakes;
  readonly #received: Wakes = new Wakes();
  #receivedCount = 0;

  static async start(versions: RuntimeParts["versions"] = ["v1"]): Promise<FollowedRuntime> {
    const runtime = await StreamingRuntime.start({ versions });
    const changed = new Wakes();
    const cri = await connectCri({
      runtimeEndpoint: runtime.endpoint,
      onEvent: (event) => event.type === "state" && changed.wake(event.state.name === "ready"),
    });
    const followed = new FollowedRuntime(runtime, cri, changed);
    await followed.restart(versions);
    return followed;
  }

  private constructor(runtime: StreamingRuntime, cri: CriConnection, changed: Wakes) {
    this.#runtime = runtime;
    this.cri = cri;
    this.#changed = changed;
  }

  /** Kills it, and has it back on its socket. */
  async restart(versions: RuntimeParts["versions"] = ["v1"]): Promise<void> {
    await this.kill();
    this.calls.length = 0;
    await this.#runtime.serve(this.#parts(versions));
    if (versions.includes(this.cri.version)) await this.cri.runtime.version({}, { waitForReady: true });
  }

  kill(): Promise<void> {
    return this.#runtime.kill();
  }

  /** As `connectCri` makes them, on this clock. */
  events(options?: ContainerEventsOptions): AsyncIterator<ContainerEvent, void> {
    const { cri } = this;
    const changed = this.#changed;
    const channel: Channel = {
      endpoint: this.#runtime.endpoint,
      get version() {
        return cri.version;
      },
      get epoch() {
        return changed.marked;
      },
      async ready(signal) {
        for (;;) {
          signal?.throwIfAborted();
          const { name } = cri.state.runtime;
          if (name === "ready") return changed.marked;
          // says why it will not be
          if (name === "closed" || name === "restart-required" || name === "serves-no-cri")
            await cri.runtime.version({});
          await changed.next(signal);
        }
      },
      emit: (event: CriConnectionEvent) => {
        if (event.type === "events-resync") this.told.push(event.cause?.code);
      },
    };
    const follow = createContainerEvents({
      channel,
      client: { getContainerEvents: (request, limits) => this.#count(request, limits) },
      lists: cri.lists,
      closed: this.#closed.signal,
      clock: this.clock,
      random: () => 0.5,
    });
    return follow(options)[Symbol.asyncIterator]() as AsyncIterator<ContainerEvent, void>;
  }

  /** Resolves when so many events have come to the client. */
  async received(count: number): Promise<void> {
    while (this.#receivedCount < count) await this.#received.next();
  }

  /** Changes a container's state without telling. */
  set(id: string, state: ContainerState | "deleted"): void {
    if (state === "deleted") this.containers.delete(id);
    else this.containers.set(id, state);
  }

  close(): void {
    this.cri.close();
    this.#closed.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await this.#runtime[Symbol.asyncDispose]();
  }

  async *#count(request: object, limits?: CriCallOptions): AsyncGenerator<ContainerEventResponse> {
    for await (const event of this.cri.runtime.getContainerEvents(request as GetEventsRequest, limits)) {
      this.#receivedCount++;
      // the event is taken in before this wakes anyone
      queueMicrotask(() => queueMicrotask(() => this.#received.wake()));
      yield event;
    }
  }

  #parts(versions: RuntimeParts["versions"]): RuntimeParts {
    return {
      ...(versions === undefined ? {} : { versions }),
      runtime: {
        getContainerEvents: (_, context) => {
          this.calls.push("GetContainerEvents");
          if (this.refusal !== undefined) throw this.refusal;
          return this.feed.handler(_, context);
        },
        listPodSandbox: () => {
          this.calls.push("ListPodSandbox");
          return { items: [...this.sandboxes].map(([id, state]) => ({ id, state })) };
        },
        listContainers: async () => {
          this.calls.push("ListContainers");
          const containers = [...this.containers].map(([id, state]) => ({ id, state }));
          await this.beforeList();
          return { containers };
        },
      },
    };
  }
}

/** Those who wait for something to happen. */
class Wakes {
  /** How often it was of the kind that counts. */
  marked = 0;
  readonly #waiting = new Set<() => void>();

  wake(mark = false): void {
    if (mark) this.marked++;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  next(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(resolve);
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  }
}

const eventTypes = {
  created: [ContainerEventType.CONTAINER_CREATED_EVENT, ContainerState.CONTAINER_CREATED],
  started: [ContainerEventType.CONTAINER_STARTED_EVENT, ContainerState.CONTAINER_RUNNING],
  stopped: [ContainerEventType.CONTAINER_STOPPED_EVENT, ContainerState.CONTAINER_EXITED],
  deleted: [ContainerEventType.CONTAINER_DELETED_EVENT, undefined],
} as const;

/** The event of a container, with its state as the runtime sends it. */
export function eventOf(containerId: string, what: keyof typeof eventTypes): EventInit {
  const [containerEventType, state] = eventTypes[what];
  const containersStatuses = state === undefined ? [] : [{ id: containerId, state }];
  return { containerId, containerEventType, containersStatuses };
}
