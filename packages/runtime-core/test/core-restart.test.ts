import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { createCore } from "../src/core.ts";
import { silentLog } from "../src/log.ts";
import {
  createManualClock,
  createMemoryLogs,
  createMemoryStore,
  createSimulatedEngine,
  createSimulatedWorld,
} from "../src/sim/index.ts";
import {
  type CoreHarness,
  containerConfig,
  failure,
  openCore,
  podConfig,
  runContainer,
  untilExited,
} from "./core-harness.ts";

/** The runtime is killed and started again on the same machine. */
async function restart(before: CoreHarness): Promise<CoreHarness> {
  return openCore({ world: before.world, clock: before.clock, store: before.store.crash() });
}

describe("after a restart", () => {
  it("what ran is adopted and can be stopped and removed", async () => {
    const before = await openCore();
    const { containerId, podSandboxId } = await runContainer(before);
    const { runtime, world } = await restart(before);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    expect((await runtime.podSandboxStatus({ podSandboxId })).status).toMatchObject({
      state: PodSandboxState.SANDBOX_READY,
      network: { ip: "10.88.0.2" },
    });
    expect((await runtime.execSync({ containerId, cmd: ["true"] })).exitCode).toBe(0);
    await failure(runtime.runPodSandbox({ config: podConfig() }), "ALREADY_EXISTS");
    await runtime.stopContainer({ containerId });
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });

  it("an end while it was down is seen, with its code and time, and stays", async () => {
    const before = await openCore();
    const { containerId } = await runContainer(before, { exit: { code: 7, afterMs: 1000 } });
    const store = before.store.crash();
    const diedAt = before.clock.now() + 1_000_000_000n;
    await before.clock.advance(5000);
    const first = await openCore({ world: before.world, clock: before.clock, store });
    const { status } = await first.runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 7, finishedAt: diedAt });
    const second = await restart(first);
    expect((await second.runtime.containerStatus({ containerId })).status).toMatchObject({ finishedAt: diedAt });
  });

  it("an end that was told survives the loss of power", async () => {
    const before = await openCore();
    const { containerId } = await runContainer(before, { exit: { code: 7, afterMs: 10 } });
    await before.clock.advance(10);
    await untilExited(before.core, containerId);
    // told is flushed a turn after it is committed
    await before.store.flush();
    const after = await openCore({ world: before.world, clock: before.clock, store: before.store.losePower() });
    expect((await after.runtime.containerStatus({ containerId })).status?.exitCode).toBe(7);
  });

  it("every answered create, start, stop and remove survives the loss of power", async () => {
    const before = await openCore();
    const { containerId, podSandboxId } = await runContainer(before);
    const other = await before.runtime.runPodSandbox({ config: podConfig("other") });
    const gone = await before.runtime.runPodSandbox({ config: podConfig("gone") });
    await before.runtime.stopPodSandbox({ podSandboxId: other.podSandboxId });
    await before.runtime.removePodSandbox({ podSandboxId: gone.podSandboxId });
    const { runtime } = await openCore({ world: before.world, clock: before.clock, store: before.store.losePower() });
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    expect((await runtime.listPodSandbox({})).items.map(({ id, state }) => [id, state])).toEqual([
      [podSandboxId, PodSandboxState.SANDBOX_READY],
      [other.podSandboxId, PodSandboxState.SANDBOX_NOTREADY],
    ]);
  });

  it("of the machine, pods are NOTREADY and containers EXITED, and all can be removed", async () => {
    const before = await openCore();
    const { containerId, podSandboxId } = await runContainer(before);
    const store = before.store.crash();
    before.world.reboot();
    const { runtime, world } = await openCore({ world: before.world, clock: before.clock, store });
    expect((await runtime.podSandboxStatus({ podSandboxId })).status).toMatchObject({
      state: PodSandboxState.SANDBOX_NOTREADY,
      network: { ip: "" },
    });
    expect((await runtime.containerStatus({ containerId })).status).toMatchObject({
      state: ContainerState.CONTAINER_EXITED,
      exitCode: 255,
      reason: "Unknown",
    });
    expect(world.leftovers().filter((held) => held.startsWith("address"))).toEqual([]);
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });

  it("a start that was not finished is undone: the container is CREATED and starts", async () => {
    const before = await openCore();
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await before.runtime.createContainer({ podSandboxId, config: containerConfig() });
    const hold = before.faults.hold("start-process.applied");
    const lost = before.runtime.startContainer({ containerId }).catch(() => "lost");
    await hold.arrived(1);
    const { runtime } = await restart(before);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_CREATED);
    await runtime.startContainer({ containerId });
    hold.fail(new Error("the process is gone"));
    expect(await lost).toBe("lost");
  });

  it("a sandbox whose stop was cut off is NOTREADY, and the same stop ends it", async () => {
    const before = await openCore();
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: podConfig() });
    // its network has been given back, its namespaces have not
    const hold = before.faults.hold("mount-shm.revert");
    const lost = before.runtime.stopPodSandbox({ podSandboxId }).catch(() => "lost");
    await hold.arrived(1);
    const { runtime, world } = await restart(before);
    expect(world.leftovers().some((held) => held.startsWith("namespaces"))).toBe(true);
    expect((await runtime.podSandboxStatus({ podSandboxId })).status).toMatchObject({
      state: PodSandboxState.SANDBOX_NOTREADY,
      network: { ip: "" },
    });
    await runtime.stopPodSandbox({ podSandboxId });
    expect(world.leftovers().filter((held) => !held.startsWith("files"))).toEqual([]);
    hold.fail(new Error("the process is gone"));
    expect(await lost).toBe("lost");
  });

  it("a sandbox that nobody had claimed and that was half reverted is NOTREADY", async () => {
    const before = await openCore();
    const { runtime, faults, clock } = before;
    const made = faults.hold("attach-network.apply");
    const caller = new AbortController();
    const cut = runtime.runPodSandbox({ config: podConfig() }, { signal: caller.signal }).catch(() => "cut");
    await made.arrived(1);
    caller.abort();
    expect(await cut).toBe("cut");
    made.release();
    const half = faults.hold("mount-shm.revert");
    while (half.waiting === 0) await clock.advance(60_000);
    const after = await restart(before);
    const [item] = (await after.runtime.listPodSandbox({})).items;
    expect(item?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await after.runtime.removePodSandbox({ podSandboxId: item?.id ?? "" });
    expect(after.world.leftovers()).toEqual([]);
    half.fail(new Error("the process is gone"));
  });

  it("a container whose removal was cut off never runs, and the same removal ends it", async () => {
    const before = await openCore();
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await before.runtime.createContainer({ podSandboxId, config: containerConfig() });
    // its bundle is gone, its image is still held
    const hold = before.faults.hold("hold-image.revert");
    const lost = before.runtime.removeContainer({ containerId }).catch(() => "lost");
    await hold.arrived(1);
    const { runtime, core } = await restart(before);
    expect((await runtime.containerStatus({ containerId })).status).toMatchObject({
      state: ContainerState.CONTAINER_EXITED,
      message: "its removal has begun",
    });
    await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION");
    await runtime.removeContainer({ containerId });
    expect(core.containers.size).toBe(0);
    hold.fail(new Error("the process is gone"));
    expect(await lost).toBe("lost");
  });

  it("what could not be reverted is shown NOTREADY with a remove that finishes it", async () => {
    const before = await openCore();
    const hold = before.faults.hold("attach-network.applied");
    const lost = before.runtime.runPodSandbox({ config: podConfig() }).catch(() => "lost");
    await hold.arrived(1);
    const { world, clock } = before;
    const store = before.store.crash();
    hold.fail(new Error("the process is gone"));
    await lost;
    const engine = createSimulatedEngine({ clock, world, logs: createMemoryLogs() });
    const reconcile = engine.reconcile.bind(engine);
    const unable = {
      ...engine,
      reconcile: async (...[found, observer]: Parameters<typeof reconcile>) => {
        const { containers } = await reconcile({ ...found, sandboxes: [] }, observer);
        const left = found.sandboxes.map(({ record }) => [record.id, { kind: "left", why: "busy" }] as const);
        return { containers, sandboxes: new Map(left) };
      },
    };
    const core = createCore({ engine: unable, store, clock, log: silentLog, runtimeVersion: "0" });
    await core.start();
    const [record] = core.sandboxes.all();
    expect(record?.failed).toBe("busy");
  });
});

describe("records", () => {
  it("that can't be read cost their own object and are reported by key", async () => {
    const before = await openCore();
    const good = await before.runtime.runPodSandbox({ config: podConfig("good") });
    const bad = await before.runtime.runPodSandbox({ config: podConfig("bad") });
    const store = before.store.crash();
    await store.put(`sandbox/${bad.podSandboxId}`, new TextEncoder().encode('{"version":1}'));
    await store.put("strange/1", new Uint8Array());
    const { runtime, lines, world } = await openCore({ world: before.world, clock: before.clock, store });
    expect((await runtime.listPodSandbox({})).items.map(({ id }) => id)).toEqual([good.podSandboxId]);
    expect(lines.filter(({ level }) => level === "error").map(({ fields }) => fields.key)).toEqual([
      `sandbox/${bad.podSandboxId}`,
      "strange/1",
    ]);
    expect(world.leftovers().some((held) => held.endsWith(bad.podSandboxId))).toBe(false);
  });

  it("of a newer version stop the start before anything is touched", async () => {
    const before = await openCore();
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: podConfig() });
    const store = before.store.crash();
    await store.put(`sandbox/${podSandboxId}`, new TextEncoder().encode('{"version":99}'));
    await expect(openCore({ world: before.world, clock: before.clock, store })).rejects.toMatchObject({
      code: "FAILED_PRECONDITION",
      message: expect.stringContaining("99"),
    });
    expect(before.world.leftovers().some((held) => held.endsWith(podSandboxId))).toBe(true);
  });
});

describe("a core", () => {
  it("answers UNAVAILABLE before it has started and after it is closed", async () => {
    const { core, runtime } = await openCore();
    await core.close();
    await core.close();
    await failure(runtime.version({}), "UNAVAILABLE");
    await expect(core.start()).rejects.toThrow("closed");
  });

  it("ends what is being made when it closes, and reverts it", async () => {
    const { core, runtime, faults, world } = await openCore();
    const hold = faults.hold("attach-network.apply");
    const failed = failure(runtime.runPodSandbox({ config: podConfig() }), "UNAVAILABLE");
    await hold.arrived(1);
    await core.close();
    await failed;
    expect(world.leftovers()).toEqual([]);
    expect(core.sandboxes.size).toBe(0);
  });

  it("harms no container when it closes, and a start that it interrupts can be tried again", async () => {
    const before = await openCore();
    const { containerId, podSandboxId } = await runContainer(before);
    const other = await before.runtime.createContainer({ podSandboxId, config: containerConfig("other") });
    const hold = before.faults.hold("start-process.apply");
    const failed = failure(before.runtime.startContainer({ containerId: other.containerId }), "UNAVAILABLE");
    await hold.arrived(1);
    await before.core.close();
    await failed;
    expect(before.core.containers.get(other.containerId)?.exit).toBeUndefined();
    expect(before.world.leftovers()).toContain(`process ${containerId}`);
  });

  it("closes although an engine hangs", async () => {
    const { core, runtime, faults, clock, lines } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const hold = faults.hold("attach-network.revert");
    const failed = failure(runtime.stopPodSandbox({ podSandboxId }, { timeoutMs: 500 }), "DEADLINE_EXCEEDED");
    await hold.arrived(1);
    const closed = core.close();
    await clock.untilPending(1);
    await clock.advance(10_000);
    await closed;
    expect(lines.some(({ level, message }) => level === "warn" && message.includes("not ended in time"))).toBe(true);
    await failed;
    hold.release();
  });

  it("starts once", async () => {
    const clock = createManualClock();
    const engine = createSimulatedEngine({ clock, logs: createMemoryLogs(), world: createSimulatedWorld() });
    const core = createCore({ engine, store: createMemoryStore(), clock, log: silentLog, runtimeVersion: "0" });
    expect(core.phase).toBe("new");
    await core.start();
    expect(core.phase).toBe("serving");
    await expect(core.start()).rejects.toThrow("serving");
    await core.close();
    expect(core.phase).toBe("closed");
  });
});
