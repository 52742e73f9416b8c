import { ConnectError } from "@connectrpc/connect";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import {
  type CoreHarness,
  containerConfig,
  failure,
  openCore,
  podConfig,
  runContainer,
  untilExited,
} from "./core-harness.ts";
import { EventReader } from "./read-events.ts";

/** A reader of whom the core knows. */
async function subscribe(harness: CoreHarness): Promise<EventReader> {
  const before = harness.core.events.size;
  const reader = new EventReader(harness.runtime);
  await until(() => harness.core.events.size > before);
  return reader;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}

describe("GetContainerEvents", () => {
  it("tells each transition of sandbox and container once and in order, to each subscriber", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const readers = [await subscribe(harness), await subscribe(harness)];
    const { podSandboxId: pod, containerId: main } = await runContainer(harness);
    await runtime.stopContainer({ containerId: main });
    await runtime.stopContainer({ containerId: main });
    await runtime.removeContainer({ containerId: main });
    await runtime.stopPodSandbox({ podSandboxId: pod });
    await runtime.removePodSandbox({ podSandboxId: pod });
    await runtime.removePodSandbox({ podSandboxId: pod });
    const life = [
      ...[`created ${pod}`, `started ${pod}`],
      ...[`created ${main}`, `started ${main}`, `stopped ${main}`, `deleted ${main}`],
      ...[`stopped ${pod}`, `deleted ${pod}`],
    ];
    for (const reader of readers) expect(await reader.told(life.length)).toEqual(life);
    const times = readers[0]?.events.map(({ createdAt }) => createdAt) ?? [];
    expect(times).toEqual(times.toSorted((a, b) => Number(a - b)));
    expect(times[0]).toBeGreaterThan(0n);
  });

  it("tells the ends of containers before that of the sandbox that is removed with them", async () => {
    const harness = await openCore();
    const reader = await subscribe(harness);
    const { podSandboxId: pod, containerId: main } = await runContainer(harness);
    await harness.runtime.removePodSandbox({ podSandboxId: pod });
    expect((await reader.told(8)).slice(4)).toEqual([
      `stopped ${main}`,
      `stopped ${pod}`,
      `deleted ${main}`,
      `deleted ${pod}`,
    ]);
  });

  it("fills both statuses with what was true when the event was made", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const reader = await subscribe(harness);
    const { podSandboxId, containerId } = await runContainer(harness, { exit: { code: 3 } });
    await untilExited(harness.core, containerId);
    const { podSandboxId: other } = await runtime.runPodSandbox({ config: podConfig("other") });
    await runtime.removePodSandbox({ podSandboxId });
    await reader.told(10);
    const [, sandboxStarted, created, started, stopped] = reader.events;
    expect(sandboxStarted?.podSandboxStatus).toMatchObject({
      id: podSandboxId,
      state: PodSandboxState.SANDBOX_READY,
      network: { ip: "10.88.0.2" },
    });
    expect(sandboxStarted?.containersStatuses).toEqual([]);
    const states = [created, started, stopped].map((event) => event?.containersStatuses.map(({ state }) => state));
    expect(states[0]).toEqual([ContainerState.CONTAINER_CREATED]);
    expect(states[2]).toEqual([ContainerState.CONTAINER_EXITED]);
    expect(stopped?.containersStatuses[0]).toMatchObject({ id: containerId, exitCode: 3, reason: "Error" });
    expect(stopped?.podSandboxStatus?.id).toBe(podSandboxId);
    const of = (id: string, index: number) => reader.events.filter((event) => event.containerId === id).at(index);
    expect(of(other, 0)?.containersStatuses).toEqual([]);
    expect(of(podSandboxId, 2)?.podSandboxStatus).toMatchObject({ state: PodSandboxState.SANDBOX_NOTREADY });
    expect(of(containerId, -1)?.containersStatuses).toEqual([]);
    expect(of(podSandboxId, -1)?.podSandboxStatus).toBeUndefined();
  });

  it("shows with each event what a status asked for after it shows", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const reader = await subscribe(harness);
    const { podSandboxId, containerId } = await runContainer(harness);
    await reader.told(4);
    const event = reader.events.at(-1);
    const asked = await runtime.podSandboxStatus({ podSandboxId });
    expect(event?.podSandboxStatus).toEqual(asked.status);
    expect(event?.containersStatuses).toEqual([(await runtime.containerStatus({ containerId })).status]);
  });

  it("tells of an end that is recorded before its start, and of a start that failed", async () => {
    const harness = await openCore();
    const { runtime, faults } = harness;
    const reader = await subscribe(harness);
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const failing = containerConfig("failing", { script: { startError: "no such file" } });
    const { containerId: failed } = await runtime.createContainer({ podSandboxId, config: failing });
    await runtime.startContainer({ containerId: failed }).catch(() => {});
    const short = containerConfig("short", { script: { exit: { code: 0 } } });
    const { containerId: ended } = await runtime.createContainer({ podSandboxId, config: short });
    const hold = faults.hold("store.commit");
    const started = runtime.startContainer({ containerId: ended });
    await hold.arrived(1);
    hold.release();
    await started;
    await untilExited(harness.core, ended);
    expect((await reader.told(7)).slice(2)).toEqual([
      `created ${failed}`,
      `stopped ${failed}`,
      `created ${ended}`,
      `started ${ended}`,
      `stopped ${ended}`,
    ]);
  });

  it("tells nothing of what is hidden, until it is claimed", async () => {
    const harness = await openCore();
    const { runtime, faults, lines, core } = harness;
    const reader = await subscribe(harness);
    const hold = faults.hold("attach-network.apply");
    const caller = new AbortController();
    const answer = runtime.runPodSandbox({ config: podConfig() }, { signal: caller.signal }).catch(() => {});
    await hold.arrived(1);
    caller.abort();
    await answer;
    hold.release();
    await until(() => lines.some(({ message }) => message.includes("hidden until it is claimed")));
    const { podSandboxId: shown } = await runtime.runPodSandbox({ config: podConfig("shown") });
    expect(await reader.told(2)).toEqual([`created ${shown}`, `started ${shown}`]);
    const { podSandboxId: claimed } = await runtime.runPodSandbox({ config: podConfig() });
    expect((await reader.told(4)).slice(2)).toEqual([`created ${claimed}`, `started ${claimed}`]);
    expect(core.sandboxes.size).toBe(2);
  });

  it("tells nothing of a create that failed and of an unclaimed sandbox that is reverted", async () => {
    const harness = await openCore();
    const { runtime, faults, clock, lines } = harness;
    const reader = await subscribe(harness);
    faults.fail("attach-network.apply", new Error("no address left"));
    await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    const hold = faults.hold("attach-network.apply");
    const caller = new AbortController();
    const answer = runtime.runPodSandbox({ config: podConfig() }, { signal: caller.signal }).catch(() => {});
    await hold.arrived(1);
    caller.abort();
    await answer;
    hold.release();
    await until(() => lines.some(({ message }) => message.includes("hidden until it is claimed")));
    await clock.advance(120_000);
    await until(() => harness.core.sandboxes.size === 0);
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig("other") });
    expect(await reader.told(2)).toEqual([`created ${podSandboxId}`, `started ${podSandboxId}`]);
  });

  it("shows a create that could not be reverted as made and stopped", async () => {
    const harness = await openCore();
    const { runtime, faults } = harness;
    const reader = await subscribe(harness);
    faults.fail("attach-network.apply", new Error("plugin crashed"));
    faults.fail("pin-namespaces.revert", new Error("busy"));
    await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    const [sandbox] = (await runtime.listPodSandbox({})).items;
    expect(await reader.told(2)).toEqual([`created ${sandbox?.id}`, `stopped ${sandbox?.id}`]);
  });

  it("ends with its caller, and leaves nothing behind", async () => {
    const harness = await openCore();
    const reader = await subscribe(harness);
    reader.leave();
    expect(ConnectError.from(await reader.ended)).toMatchObject({ code: 1 });
    await until(() => harness.core.events.size === 0);
  });

  it("ends with UNAVAILABLE when the core closes, not with OK", async () => {
    const harness = await openCore();
    const reader = await subscribe(harness);
    await harness.core.close();
    expect(ConnectError.from(await reader.ended)).toMatchObject({ code: 14 });
    await failure(
      new EventReader(harness.runtime).ended.then((error) => Promise.reject(error)),
      "UNAVAILABLE",
    );
  });

  it("is not served before the core is", async () => {
    const harness = await openCore();
    const closed = await openCore({ world: harness.world, clock: harness.clock, store: harness.store.crash() });
    await closed.core.close();
    await failure(
      new EventReader(closed.runtime).ended.then((error) => Promise.reject(error)),
      "UNAVAILABLE",
    );
  });
});

describe("what happened while no core ran", () => {
  async function restart(before: CoreHarness, downMs = 0): Promise<CoreHarness> {
    const store = before.store.crash();
    await before.clock.advance(downMs);
    return openCore({ world: before.world, clock: before.clock, store });
  }

  it("goes to each subscriber of the first minute, and then what has followed", async () => {
    const before = await openCore();
    const { podSandboxId: pod, containerId: main } = await runContainer(before, { exit: { code: 7, afterMs: 1000 } });
    const harness = await restart(before, 5000);
    const first = await subscribe(harness);
    expect(await first.told(1)).toEqual([`stopped ${main}`]);
    expect(first.events[0]).toMatchObject({
      podSandboxStatus: { id: pod, state: PodSandboxState.SANDBOX_READY },
      containersStatuses: [{ id: main, exitCode: 7, state: ContainerState.CONTAINER_EXITED }],
    });
    await harness.runtime.removeContainer({ containerId: main });
    await harness.clock.advance(59_000);
    const second = await subscribe(harness);
    for (const reader of [first, second]) {
      expect(await reader.told(2)).toEqual([`stopped ${main}`, `deleted ${main}`]);
    }
    await harness.clock.advance(1000);
    const late = await subscribe(harness);
    await harness.runtime.stopPodSandbox({ podSandboxId: pod });
    expect(await late.told(1)).toEqual([`stopped ${pod}`]);
  });

  it("is the end of everything when the machine was rebooted", async () => {
    const before = await openCore();
    const { podSandboxId: pod, containerId: main } = await runContainer(before);
    const store = before.store.crash();
    before.world.reboot();
    const harness = await openCore({ world: before.world, clock: before.clock, store });
    const reader = await subscribe(harness);
    expect(await reader.told(2)).toEqual([`stopped ${main}`, `stopped ${pod}`]);
    expect(reader.events[1]?.podSandboxStatus).toMatchObject({ state: PodSandboxState.SANDBOX_NOTREADY });
  });

  it("is nothing when nothing happened, also for a create that was cut off", async () => {
    const before = await openCore();
    const { podSandboxId: pod, containerId: main } = await runContainer(before);
    const hold = before.faults.hold("attach-network.apply");
    before.runtime.runPodSandbox({ config: podConfig("unfinished") }).catch(() => {});
    await hold.arrived(1);
    const harness = await restart(before);
    const reader = await subscribe(harness);
    await harness.runtime.stopPodSandbox({ podSandboxId: pod });
    expect(await reader.told(2)).toEqual([`stopped ${main}`, `stopped ${pod}`]);
    hold.release();
  });
});
