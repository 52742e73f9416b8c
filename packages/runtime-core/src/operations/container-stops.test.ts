import { create } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { Clock, ContainerEngine, ContainerRecord } from "../ports/index.ts";
import { createManualClock, createMemoryStore } from "../sim/index.ts";
import { withExit } from "../state/facts.ts";
import { newObjectId } from "../state/object-id.ts";
import { containerCodec } from "../state/record-codec.ts";
import { Records } from "../state/records.ts";
import { containerIdentity } from "../state/states.ts";
import { ContainerStops } from "./container-stops.ts";

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

/** A running container whose process does with a signal what the test says. */
async function open(onSignal: (signal: "stop" | "kill", end: () => Promise<void>) => Promise<void> | void) {
  const clock = createManualClock();
  const containers = new Records<ContainerRecord>({
    kind: "container",
    store: createMemoryStore(),
    codec: containerCodec,
    identity: containerIdentity,
  });
  const { id } = await containers.add({
    id: newObjectId(),
    sandboxId: newObjectId(),
    config: create(ContainerConfigSchema),
    createdAtNs: 1n,
    image: { id: "sha256:1", ref: "a" },
    logPath: "",
    steps: [],
    facts: { mounts: [] },
    started: { startedAtNs: 2n, pid: 3 },
  });
  const signals: string[] = [];
  const end = async (): Promise<void> => {
    const exit = { code: 0, finishedAtNs: clock.now(), reason: "Completed", message: "" } as const;
    await containers.update(id, (old) => withExit(old, exit));
  };
  const signal: ContainerEngine["signal"] = async (_record, which) => {
    signals.push(which);
    await onSignal(which, end);
  };
  let setNs = 0n;
  const setWall = (seconds: number): void => {
    setNs = BigInt(seconds) * 1_000_000_000n;
  };
  const wall: Clock = { now: () => clock.now() + setNs, after: (delayMs, run) => clock.after(delayMs, run) };
  const stops = new ContainerStops({ engine: { signal }, clock: wall, containers });
  return { clock, containers, id, signals, end, stops, setWall };
}

describe("stopping a container", () => {
  it("ends with its end, well within the grace", async () => {
    const { stops, id, signals, clock } = await open((_signal, end) => end());
    await stops.stop(id, 30_000).promise;
    expect(signals).toEqual(["stop"]);
    expect(clock.pending).toBe(0);
  });

  it("kills when the grace is over, and not before", async () => {
    const { stops, id, signals, clock } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const { promise, stage } = stops.stop(id, 30_000);
    await settle();
    expect(stage.text).toContain("after its stop signal");
    await clock.advance(29_999);
    expect(signals).toEqual(["stop"]);
    await clock.advance(1);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
    expect(clock.pending).toBe(0);
  });

  it("kills at once without a grace", async () => {
    const { stops, id, signals } = await open((_signal, end) => end());
    await stops.stop(id, 0).promise;
    expect(signals).toEqual(["kill"]);
  });

  it("kills in time when the stop signal hangs", async () => {
    const { stops, id, signals, clock } = await open((signal, end) =>
      signal === "kill" ? end() : new Promise<void>(() => {}),
    );
    const { promise } = stops.stop(id, 1000);
    await settle();
    await clock.advance(1000);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
  });

  it("is shared by a later request, which shortens the grace", async () => {
    const { stops, id, signals, clock } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const first = stops.stop(id, 600_000);
    await settle();
    await clock.advance(1000);
    const second = stops.stop(id, 10_000);
    expect(second).toBe(first);
    await clock.advance(9999);
    expect(signals).toEqual(["stop"]);
    await clock.advance(1);
    await first.promise;
    expect(signals).toEqual(["stop", "kill"]);
  });

  it("is not made longer by a later request", async () => {
    const { stops, id, signals, clock } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const { promise } = stops.stop(id, 10_000);
    await settle();
    stops.stop(id, 600_000);
    await clock.advance(10_000);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
  });

  it("kills at once for a later request without a grace", async () => {
    const { stops, id, signals } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const { promise } = stops.stop(id, 600_000);
    await settle();
    stops.stop(id, 0);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
  });

  it.each([3600, -3600])("is shortened also after a wall clock was set by %i seconds", async (seconds) => {
    const { stops, id, signals, clock, setWall } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const { promise } = stops.stop(id, 30_000);
    await settle();
    setWall(seconds);
    stops.stop(id, 2000);
    await clock.advance(1999);
    expect(signals).toEqual(["stop"]);
    await clock.advance(1);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
    expect(clock.pending).toBe(0);
  });

  it("is killed in time by the first request also after the wall clock was set back", async () => {
    const { stops, id, signals, clock, setWall } = await open((signal, end) => (signal === "kill" ? end() : undefined));
    const { promise } = stops.stop(id, 30_000);
    await settle();
    await clock.advance(15_000);
    setWall(-3600);
    stops.stop(id, 20_000);
    await clock.advance(15_000);
    await promise;
    expect(signals).toEqual(["stop", "kill"]);
  });

  it("gives up on what outlives SIGKILL, saying so, and can be tried again", async () => {
    const { stops, id, clock, end } = await open(() => {});
    const work = stops.stop(id, 0);
    await settle();
    expect(work.stage.text).toContain("after SIGKILL");
    await clock.advance(30_000);
    await expect(work.promise).rejects.toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("30 s after SIGKILL"),
    });
    const again = stops.stop(id, 0);
    expect(again).not.toBe(work);
    await settle();
    await end();
    await again.promise;
    expect(clock.pending).toBe(0);
  });

  it("tells that a signal could not be sent", async () => {
    const { stops, id } = await open(() => Promise.reject(new Error("no such runtime")));
    await expect(stops.stop(id, 1000).promise).rejects.toThrow("no such runtime");
  });

  it("ends when the container's record goes", async () => {
    const { stops, id, containers } = await open(() => {});
    const { promise } = stops.stop(id, 1000);
    await settle();
    await containers.delete(id);
    await promise;
  });
});
