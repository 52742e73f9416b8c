import { create } from "@bufbuild/protobuf";
import { unavailable } from "@keelson/cri-api/errors";
import { ContainerEventResponseSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { LogFields } from "../log.ts";
import { silentLog } from "../log.ts";
import { createManualClock } from "../sim/index.ts";
import { type BusEvent, EventBus, type EventBusOptions, type Subscription } from "./event-bus.ts";

function openBus(options: Omit<EventBusOptions, "clock" | "log"> = {}) {
  const clock = createManualClock();
  const warnings: LogFields[] = [];
  const log = {
    ...silentLog,
    warn: (message: string, fields: LogFields = {}) => void warnings.push({ message, ...fields }),
  };
  const bus = new EventBus({ clock, log, ...options });
  const cutOff: string[] = [];
  let made = 0;
  const publish = (containerId: string, sizeBytes = 1): void =>
    bus.publish((): BusEvent => {
      made++;
      return { message: create(ContainerEventResponseSchema, { containerId }), sizeBytes };
    });
  const subscribe = (caller = "test"): Subscription =>
    bus.subscribe({ caller, onCutOff: () => void cutOff.push(caller) });
  return { bus, clock, warnings, cutOff, publish, subscribe, made: () => made };
}

const never = new AbortController().signal;

const idsOf = async (subscription: Subscription, count: number): Promise<string[]> => {
  const ids: string[] = [];
  while (ids.length < count) ids.push((await subscription.next(never)).message.containerId);
  return ids;
};

describe("EventBus", () => {
  it("hands each event to each subscriber once and in order, as one object", async () => {
    const { bus, publish, subscribe } = openBus({ openingMs: 0 });
    bus.open();
    const [first, second] = [subscribe(), subscribe()];
    const waiting = first.next(never);
    publish("a");
    publish("b");
    const event = await waiting;
    expect(event.message.containerId).toBe("a");
    expect(await idsOf(first, 1)).toEqual(["b"]);
    expect(await second.next(never)).toBe(event);
    expect(await idsOf(second, 1)).toEqual(["b"]);
  });

  it("begins with the start for who subscribes in the first minute, and with what comes next for others", async () => {
    const { bus, clock, publish, subscribe } = openBus();
    publish("found");
    bus.open();
    publish("since");
    await clock.advance(59_999);
    const early = subscribe();
    expect(await idsOf(early, 2)).toEqual(["found", "since"]);
    await clock.advance(1);
    const late = subscribe();
    publish("next");
    expect(await idsOf(late, 1)).toEqual(["next"]);
    expect(await idsOf(early, 1)).toEqual(["next"]);
  });

  it("makes no event that nobody can hear", async () => {
    const { bus, clock, publish, subscribe, made } = openBus();
    bus.open();
    await clock.advance(60_000);
    publish("unheard");
    const subscription = subscribe();
    publish("heard");
    expect(made()).toBe(1);
    subscription.close();
    publish("unheard");
    expect([made(), bus.size]).toEqual([1, 0]);
  });

  it.each([
    { mostEvents: 3, sizeBytes: 1 },
    { mostBytes: 30, sizeBytes: 10 },
  ])(
    "cuts off who is further behind than %j, names it once, and holds nobody else up",
    async ({ sizeBytes, ...most }) => {
      const { bus, clock, publish, subscribe, warnings, cutOff } = openBus(most);
      bus.open();
      await clock.advance(60_000);
      const hung = subscribe("a hung one");
      const alive = subscribe();
      for (const id of ["a", "b", "c"]) publish(id, sizeBytes);
      expect(await idsOf(alive, 3)).toEqual(["a", "b", "c"]);
      expect(warnings).toEqual([]);
      publish("d", sizeBytes);
      publish("e", sizeBytes);
      expect(await idsOf(alive, 2)).toEqual(["d", "e"]);
      await expect(hung.next(never)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
      expect(warnings).toEqual([expect.objectContaining({ caller: "a hung one", subscriber: 1, events: 4 })]);
      expect(cutOff).toEqual(["a hung one"]);
      expect(bus.size).toBe(1);
    },
  );

  it("gives up the start when more happens in the first minute than anybody may be behind", async () => {
    const { bus, publish, subscribe, warnings } = openBus({ mostEvents: 2 });
    bus.open();
    for (const id of ["a", "b", "c"]) publish(id);
    const subscription = subscribe();
    expect(warnings).toHaveLength(1);
    publish("d");
    expect(await idsOf(subscription, 1)).toEqual(["d"]);
  });

  it("wakes many subscribers in turns, between which other work goes on", async () => {
    const { bus, publish, subscribe } = openBus();
    bus.open();
    let ended = 0;
    const waiting = Array.from({ length: 1000 }, async () => {
      expect(await idsOf(subscribe(), 2)).toEqual(["a", "b"]);
      ended++;
    });
    publish("a");
    publish("b");
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(ended).toBeLessThan(1000);
    await Promise.all(waiting);
  });

  it("refuses one subscriber too many, and takes it when another has gone", async () => {
    const { bus, subscribe } = openBus({ mostSubscribers: 1 });
    bus.open();
    const first = subscribe();
    expect(() => subscribe()).toThrow(expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }));
    first.close();
    first.close();
    expect(subscribe()).toBeDefined();
  });

  it("ends all with the reason of its close, also who waits, and takes no more", async () => {
    const { bus, subscribe } = openBus();
    bus.open();
    const subscription = subscribe();
    const waiting = expect(subscription.next(never)).rejects.toMatchObject({ code: "UNAVAILABLE" });
    bus.close(unavailable("the runtime is stopping"));
    bus.close(unavailable("again"));
    await waiting;
    await expect(subscription.next(never)).rejects.toThrow("the runtime is stopping");
    expect(() => subscribe()).toThrow("the runtime is stopping");
  });

  it("lets who waits go with its signal", async () => {
    const { bus, subscribe, publish } = openBus();
    bus.open();
    const subscription = subscribe();
    const controller = new AbortController();
    const waiting = expect(subscription.next(controller.signal)).rejects.toThrow("gone");
    controller.abort(new Error("gone"));
    await waiting;
    publish("a");
    expect(await idsOf(subscription, 1)).toEqual(["a"]);
  });
});
