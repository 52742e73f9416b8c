import { Code, ConnectError } from "@connectrpc/connect";
import { ContainerEventType, ContainerState } from "@keelson/cri-api/v1";
import fc from "fast-check";
import { expect, it } from "vitest";
import type { ContainerEvent } from "../src/events/container-events.ts";
import { eventOf, FollowedRuntime } from "./followed-runtime.ts";

const changes = {
  created: ContainerState.CONTAINER_CREATED,
  started: ContainerState.CONTAINER_RUNNING,
  stopped: ContainerState.CONTAINER_EXITED,
  deleted: "deleted",
} as const;

type Step =
  | { readonly do: "change"; readonly id: string; readonly to: keyof typeof changes; readonly told: boolean }
  | { readonly do: "fail" | "end" | "restart" }
  | { readonly do: "read"; readonly count: number }
  | { readonly do: "advance"; readonly ms: number };

const change = fc.record({
  do: fc.constant("change" as const),
  id: fc.constantFrom("a", "b", "c"),
  to: fc.constantFrom("created", "started", "stopped", "deleted"),
  told: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: change, weight: 6 },
  { arbitrary: fc.record({ do: fc.constantFrom("fail", "end", "restart") }), weight: 1 },
  { arbitrary: fc.record({ do: fc.constant("read" as const), count: fc.integer({ min: 1, max: 4 }) }), weight: 2 },
  { arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(100, 1000, 5000) }), weight: 2 },
);

/** What a consumer knows that does as it is told. */
class Consumer {
  known = new Map<string, ContainerState>();
  /** How many items it may take before it stands still. */
  #allowed = 0;
  #more: () => void = () => {};
  readonly #events: AsyncIterator<ContainerEvent, void>;
  readonly ended: Promise<void>;

  constructor(events: AsyncIterator<ContainerEvent, void>) {
    this.#events = events;
    this.ended = this.#run();
  }

  allow(count: number): void {
    this.#allowed += count;
    this.#more();
  }

  async #run(): Promise<void> {
    for (;;) {
      while (this.#allowed-- <= 0) {
        this.#allowed = 0;
        await new Promise<void>((resolve) => {
          this.#more = resolve;
        });
      }
      const { done, value } = await this.#events.next();
      if (done || value === undefined) return;
      if (value.type === "resync") {
        this.known = new Map(value.containers.map(({ id, state }) => [id, state]));
        continue;
      }
      const { containerId, containerEventType, containersStatuses } = value.event;
      for (const { id, state } of containersStatuses) this.known.set(id, state);
      if (containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT) this.known.delete(containerId);
    }
  }
}

it("a consumer knows the node's state in the end, whatever is told, lost, broken or slow on the way", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 30 }), async (steps) => {
      await using runtime = await FollowedRuntime.start();
      const consumer = new Consumer(runtime.events({ maxBuffered: 3 }));
      consumer.allow(1);
      for (const one of steps) {
        const stream = runtime.feed.streams.at(-1);
        switch (one.do) {
          case "change":
            runtime.set(one.id, changes[one.to]);
            if (one.told) stream?.send(eventOf(one.id, one.to));
            break;
          case "fail":
            stream?.fail(new ConnectError("broken", Code.Internal));
            break;
          case "end":
            // a runtime that served events and ends their stream
            stream?.send(eventOf("x", "deleted"));
            stream?.end();
            break;
          case "restart":
            await runtime.restart();
            break;
          case "read":
            consumer.allow(one.count);
            break;
          case "advance":
            runtime.clock.advance(one.ms);
        }
        // let some of it happen
        await runtime.cri.runtime.version({}, { waitForReady: true });
      }
      consumer.allow(Number.POSITIVE_INFINITY);
      // as many calls as it takes, and then some, for what is still on its way
      let stable = 0;
      for (let rounds = 0; rounds < 200 && stable < 20; rounds++) {
        runtime.clock.advance(1000);
        await runtime.cri.runtime.version({}, { waitForReady: true });
        stable = equal(consumer.known, runtime.containers) ? stable + 1 : 0;
      }
      expect(consumer.known).toEqual(runtime.containers);
      runtime.close();
      await expect(consumer.ended).rejects.toMatchObject({ code: "CANCELED" });
    }),
    { numRuns: 30 },
  );
}, 60_000);

const equal = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): boolean =>
  one.size === other.size && [...one].every(([id, state]) => other.get(id) === state);
