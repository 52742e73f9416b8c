import { Code, ConnectError } from "@connectrpc/connect";
import { ContainerState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { ContainerEvent } from "../src/events/container-events.ts";
import { eventOf, FollowedRuntime } from "./followed-runtime.ts";
import { createGate, unimplemented } from "./streaming-runtime.ts";

const { CONTAINER_RUNNING: running, CONTAINER_EXITED: exited, CONTAINER_CREATED: created } = ContainerState;

/** What comes next, short: `resync a=1 b=2 (CAUSE)`, `event a`, `end`. */
async function next(events: AsyncIterator<ContainerEvent, void>): Promise<string> {
  const { done, value } = await events.next();
  if (done || value === undefined) return "end";
  if (value.type === "event") return `event ${value.event.containerId}`;
  const states = [...value.podSandboxes, ...value.containers].map(({ id, state }) => ` ${id}=${state}`).join("");
  return `resync${states}${value.cause === undefined ? "" : ` (${value.cause.code})`}`;
}

describe("containerEvents()", () => {
  it("hands out all there is, from a list that is asked for after the stream, and then what happens", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.sandboxes.set("s", 0);
    runtime.set("a", running);
    const events = runtime.events();
    expect(await next(events)).toBe("resync s=0 a=1");
    expect(runtime.calls).toEqual(["GetContainerEvents", "ListPodSandbox", "ListContainers"]);
    const stream = await runtime.feed.opened(0);
    stream.send(eventOf("a", "stopped"));
    stream.send(eventOf("a", "deleted"));
    expect([await next(events), await next(events)]).toEqual(["event a", "event a"]);
    expect(runtime.told).toEqual([]);
  });

  it("keeps what comes while the list is on its way, and hands it out behind the list", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    runtime.beforeList = async () => {
      runtime.beforeList = () => {};
      (await runtime.feed.opened(0)).send(eventOf("a", "stopped"));
      await runtime.received(1);
    };
    const events = runtime.events();
    expect([await next(events), await next(events)]).toEqual(["resync a=1", "event a"]);
  });

  it("ends without an error when its signal is aborted, while it waits and while events do", async () => {
    await using runtime = await FollowedRuntime.start();
    const controller = new AbortController();
    const events = runtime.events({ signal: controller.signal });
    await next(events);
    const waiting = next(events);
    const stream = await runtime.feed.opened(0);
    controller.abort();
    expect(await waiting).toBe("end");
    await stream.canceled;
    expect(await next(runtime.events({ signal: controller.signal }))).toBe("end");
    expect(runtime.feed.streams).toHaveLength(1);

    const second = new AbortController();
    const more = runtime.events({ signal: second.signal });
    await next(more);
    (await runtime.feed.opened(1)).send(eventOf("a", "created"));
    (await runtime.feed.opened(1)).send(eventOf("a", "started"));
    await runtime.received(2);
    expect(await next(more)).toBe("event a");
    second.abort();
    expect(await next(more)).toBe("end");
  });

  it("cancels the stream when the loop is left, also while it waits", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    const waiting = next(events);
    await events.return?.();
    expect(await waiting).toBe("end");
    await (await runtime.feed.opened(0)).canceled;
  });

  it("fails when the connection is closed, while it waits and during a pause", async () => {
    await using runtime = await FollowedRuntime.start();
    const waits = runtime.events();
    const pauses = runtime.events();
    await next(waits);
    await next(pauses);
    (await runtime.feed.opened(1)).fail(new ConnectError("lost", Code.Internal));
    const ends = [waits, pauses].map((events) => expect(next(events)).rejects.toMatchObject({ code: "CANCELED" }));
    await runtime.clock.waitedFor(100);
    runtime.close();
    await Promise.all(ends);
  });

  it.each([{ maxBuffered: 0 }, { maxBuffered: Number.NaN }, { checkIntervalMs: 999 }])(
    "refuses %j",
    async (options) => {
      await using runtime = await FollowedRuntime.start();
      expect(() => runtime.events(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    },
  );
});

describe("a state that no event has told", () => {
  it("shows in a list a second later, and is handed out in a resync", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    runtime.set("b", running);
    const events = runtime.events();
    await next(events);
    // as between the list and the moment when the runtime begins to listen
    runtime.set("a", exited);
    runtime.set("b", "deleted");
    const resync = next(events);
    await runtime.clock.waitedFor(1000);
    runtime.clock.advance(1000);
    expect(await resync).toBe(`resync a=${exited} (DATA_LOSS)`);
    expect(runtime.told).toEqual(["DATA_LOSS"]);
    expect(runtime.feed.streams).toHaveLength(1);
  });

  it("is looked for after 1, 2 and 4 seconds and then at the interval, and again 1 second after the first event", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", created);
    const events = runtime.events({ checkIntervalMs: 3000 });
    await next(events);
    const event = next(events);
    for (const ms of [1000, 2000, 3000, 3000]) {
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
    }
    await runtime.clock.waitedFor(3000);
    runtime.set("a", running);
    (await runtime.feed.opened(0)).send(eventOf("a", "started"));
    expect(await event).toBe("event a");
    const later = next(events);
    await runtime.clock.waitedFor(1000);
    runtime.clock.advance(1000);
    await runtime.clock.waitedFor(2000);
    expect(runtime.clock.asked).toEqual([1000, 2000, 3000, 3000, 3000, 1000, 2000]);
    // what events have told is no difference
    expect(runtime.told).toEqual([]);
    expect(runtime.calls.filter((call) => call === "ListContainers")).toHaveLength(6);
    await events.return?.();
    expect(await later).toBe("end");
  });

  it("is not what an event tells while the list is on its way", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    const events = runtime.events();
    await next(events);
    const stream = await runtime.feed.opened(0);
    const event = next(events);
    await runtime.clock.waitedFor(1000);
    runtime.beforeList = async () => {
      runtime.beforeList = () => {};
      stream.send(eventOf("a", "stopped"));
      await runtime.received(1);
    };
    runtime.clock.advance(1000);
    expect(await event).toBe("event a");
    const later = next(events);
    await runtime.clock.waitedFor(1000);
    expect(runtime.told).toEqual([]);
    await events.return?.();
    await later;
  });

  it("is taken as possible when the list that is compared fails", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    const resync = next(events);
    await runtime.clock.waitedFor(1000);
    runtime.beforeList = () => {
      runtime.beforeList = () => {};
      throw new ConnectError("the database is locked", Code.Internal);
    };
    runtime.clock.advance(1000);
    expect(await resync).toBe("resync (INTERNAL)");
  });
});

describe("a consumer that is slow", () => {
  it("loses the events beyond the bound, and gets a resync for them, when it comes", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events({ maxBuffered: 2 });
    await next(events);
    const stream = await runtime.feed.opened(0);
    for (const id of ["a", "b", "c", "d"]) {
      runtime.set(id, created);
      stream.send(eventOf(id, "created"));
    }
    await runtime.received(4);
    const lists = runtime.calls.length;
    expect(await next(events)).toBe("resync a=0 b=0 c=0 d=0 (RESOURCE_EXHAUSTED)");
    expect(runtime.calls).toHaveLength(lists + 2);
    stream.send(eventOf("a", "started"));
    expect(await next(events)).toBe("event a");
    expect(runtime.told).toEqual(["RESOURCE_EXHAUSTED"]);
    expect(runtime.feed.streams).toHaveLength(1);
  });

  it("is not the only one that can make them too many: the list may take long", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.beforeList = async () => {
      runtime.beforeList = () => {};
      const stream = await runtime.feed.opened(0);
      for (const id of ["a", "b", "c"]) {
        runtime.set(id, created);
        stream.send(eventOf(id, "created"));
      }
      await runtime.received(3);
    };
    const events = runtime.events({ maxBuffered: 2 });
    expect([await next(events), await next(events)]).toEqual(["resync", "resync a=0 b=0 c=0 (RESOURCE_EXHAUSTED)"]);
  });

  it("gets what waits when the stream breaks, and then the resync", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    runtime.clock.advance(5000);
    const stream = await runtime.feed.opened(0);
    stream.send(eventOf("a", "created"));
    await runtime.received(1);
    runtime.set("b", running);
    await runtime.restart();
    expect([await next(events), await next(events)]).toEqual(["event a", "resync b=1 (UNAVAILABLE)"]);
  });
});

describe("a stream that breaks", () => {
  it("is opened again when the runtime is back, with a resync that is told", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    const events = runtime.events();
    await next(events);
    runtime.clock.advance(60_000);
    const resync = next(events);
    runtime.set("a", exited);
    await runtime.restart();
    expect(await resync).toBe(`resync a=${exited} (UNAVAILABLE)`);
    expect(runtime.calls).toEqual(["GetContainerEvents", "ListPodSandbox", "ListContainers"]);
    expect(runtime.told).toEqual(["UNAVAILABLE"]);
    (await runtime.feed.opened(1)).send(eventOf("a", "deleted"));
    expect(await next(events)).toBe("event a");
  });

  it("is opened again at once when it had held and ended in order", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    const resync = next(events);
    const stream = await runtime.feed.opened(0);
    await runtime.clock.waitedFor(1000);
    runtime.clock.advance(1000);
    stream.end();
    expect(await resync).toBe("resync (UNAVAILABLE)");
    expect(runtime.clock.asked.every((ms) => ms >= 1000)).toBe(true);
  });

  it("is opened ever more slowly when it breaks again and again, each time with a resync", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    const pauses = [100, 200, 400, 800, 1600, 3000, 3000];
    for (const [index, ms] of pauses.entries()) {
      runtime.clock.asked.length = 0;
      const resync = next(events);
      const stream = await runtime.feed.opened(index);
      // also one that gives an event each time
      stream.send(eventOf("a", "created"));
      expect(await resync).toBe("event a");
      const again = next(events);
      stream.fail(new ConnectError("an event that can't be sent", Code.Internal));
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
      expect(await again).toBe("resync (INTERNAL)");
    }
    expect(runtime.told).toHaveLength(pauses.length);
  });

  it("does not keep the list from being handed out when it breaks before its answer", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    runtime.beforeList = async () => {
      (await runtime.feed.opened(0)).fail(new ConnectError("not now", Code.Internal));
    };
    expect(await next(runtime.events())).toBe("resync a=1");
  });

  it("is not taken for a runtime without events when that shuts down in order", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    runtime.clock.advance(1000);
    (await runtime.feed.opened(0)).end();
    expect(await next(events)).toBe("resync (UNAVAILABLE)");
    // the connection lives on for a while, and every stream on it is ended at once
    for (const [index, ms] of [100, 200, 400].entries()) {
      const resync = next(events);
      (await runtime.feed.opened(index + 1)).end();
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
      expect(await resync).toBe("resync (UNAVAILABLE)");
    }
  });

  it("says that a restart is required where the runtime that is back speaks another version", async () => {
    await using runtime = await FollowedRuntime.start();
    const events = runtime.events();
    await next(events);
    runtime.clock.advance(1000);
    const failed = expect(next(events)).rejects.toMatchObject({ reason: "RESTART_REQUIRED" });
    await runtime.restart(["v1alpha2"]);
    await failed;
  });

  it.each([Code.PermissionDenied, Code.Unauthenticated, Code.InvalidArgument])(
    "is not opened again after %s",
    async (code) => {
      await using runtime = await FollowedRuntime.start();
      runtime.refusal = new ConnectError("not for you", code);
      await expect(next(runtime.events())).rejects.toMatchObject({ message: expect.stringContaining("not for you") });
      expect(runtime.calls.filter((call) => call === "GetContainerEvents")).toHaveLength(1);
    },
  );
});

describe("a list that fails", () => {
  const locked = new ConnectError("the database is locked", Code.Internal);
  const starting = new ConnectError("server is not initialized yet", Code.Unavailable);

  it("is asked for again, with a new stream", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.set("a", running);
    let failures = 2;
    runtime.beforeList = () => {
      if (failures-- > 0) throw locked;
    };
    const first = next(runtime.events());
    for (const ms of [100, 200]) {
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
    }
    expect(await first).toBe("resync a=1");
  });

  it("ends the events when three in a row do", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.beforeList = () => {
      throw locked;
    };
    const failed = expect(next(runtime.events())).rejects.toMatchObject({ code: "INTERNAL" });
    for (const ms of [100, 200]) {
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
    }
    await failed;
    expect(runtime.calls.filter((call) => call === "GetContainerEvents")).toHaveLength(3);
  });

  it("is waited for where the runtime is still starting", async () => {
    await using runtime = await FollowedRuntime.start();
    let failures = 5;
    runtime.beforeList = () => {
      if (failures-- > 0) throw starting;
    };
    const first = next(runtime.events());
    for (const ms of [100, 200, 400, 800, 1600]) {
      await runtime.clock.waitedFor(ms);
      runtime.clock.advance(ms);
    }
    expect(await first).toBe("resync");
  });
});

describe("a runtime without events", () => {
  it("that has them switched off ends each stream at once with OK: told so at the second, with what to do", async () => {
    await using runtime = await FollowedRuntime.start();
    const told = expect(next(runtime.events())).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "EVENTS_NOT_SERVED",
      hint: expect.stringContaining("enable_pod_events"),
    });
    runtime.beforeList = async () => {
      runtime.feed.streams.at(-1)?.end();
      await createGate().opened;
    };
    await runtime.clock.waitedFor(100);
    runtime.clock.advance(100);
    await told;
    expect(runtime.feed.streams).toHaveLength(2);
  });

  it("answers Unimplemented: told as it is, with nothing before", async () => {
    await using runtime = await FollowedRuntime.start();
    runtime.refusal = unimplemented("unknown method GetContainerEvents");
    await expect(next(runtime.events())).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "EVENTS_NOT_SERVED",
      message: expect.stringContaining("no GetContainerEvents"),
    });
    expect(runtime.calls.filter((call) => call === "GetContainerEvents")).toHaveLength(1);
  });

  it("speaks v1alpha2: told without a call", async () => {
    await using runtime = await FollowedRuntime.start(["v1alpha2"]);
    await expect(next(runtime.events())).rejects.toMatchObject({
      code: "UNIMPLEMENTED",
      reason: "EVENTS_NOT_SERVED",
      message: expect.stringContaining("v1alpha2"),
    });
    expect(runtime.calls).toEqual([]);
  });
});
