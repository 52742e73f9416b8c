import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { StateStore } from "../src/ports/index.ts";
import { createFaults, createMemoryStore, type MemoryStore } from "../src/sim/index.ts";
import { type CoreHarness, containerConfig, failure, openCore, podConfig, runContainer } from "./core-harness.ts";
import { EventReader } from "./read-events.ts";

const gone = new Error("the disk is gone");

/** A store that forgets nothing, and from `fail()` on takes nothing, so many times. */
function stubborn() {
  let failing = 0;
  const through = (store: MemoryStore): StateStore => ({
    ...store,
    async put(key, value) {
      if (failing-- > 0) throw gone;
      await store.put(key, value);
    },
    async delete() {
      throw gone;
    },
  });
  const fail = (times: number): void => {
    failing = times;
  };
  return { through, fail };
}

describe("a create that fails while its record can't be deleted", () => {
  it("is shown as failed, and its events are told", async () => {
    const { core, runtime, faults } = await openCore({ through: stubborn().through });
    const reader = new EventReader(runtime);
    faults.fail("write-files.apply", new Error("no space"));
    await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    const [pod] = (await runtime.listPodSandbox({})).items;
    expect(pod?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    expect(await reader.told(2)).toEqual([`created ${pod?.id}`, `stopped ${pod?.id}`]);
    expect(core.sandboxes.get(pod?.id ?? "")?.failed).toBe("no space");
  });

  it("is no container that has ended well, also where not even that can be recorded", async () => {
    const store = stubborn();
    const { core, runtime, faults } = await openCore({ through: store.through });
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const reader = new EventReader(runtime);
    await reader.told(2);
    const hold = faults.hold("hold-image.apply");
    const failed = failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "INTERNAL");
    await hold.arrived(1);
    store.fail(2);
    hold.fail(new Error("no space"));
    await failed;
    const [container] = (await runtime.listContainers({})).containers;
    expect(container?.state).toBe(ContainerState.CONTAINER_EXITED);
    const containerId = container?.id ?? "";
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ exitCode: 128, reason: "CreateError", finishedAt: status?.createdAt });
    expect((await reader.told(4)).slice(2)).toEqual([`created ${containerId}`, `stopped ${containerId}`]);
    expect(core.containers.get(containerId)?.failed).toBeUndefined();
  });
});

describe("a stop that waits when the core closes", () => {
  it.each([30n, 0n])("is answered UNAVAILABLE (grace %d s)", async (timeout) => {
    const harness = await openCore();
    const { containerId } = await runContainer(harness, { stop: "ignore" });
    const hold = harness.faults.hold("container.signal");
    const failed = failure(harness.runtime.stopContainer({ containerId, timeout }), "UNAVAILABLE");
    await hold.arrived(1);
    await harness.core.close();
    await failed;
    hold.release();
  });
});

describe("a change of limits that can't be made durable", () => {
  it("is neither shown nor kept", async () => {
    const harness = await openCore();
    const { runtime, core, faults } = harness;
    const { containerId } = await runContainer(harness);
    const before = core.containers.get(containerId)?.config;
    faults.fail("store.flush", gone);
    const linux = { memoryLimitInBytes: 1_000_000n };
    await failure(runtime.updateContainerResources({ containerId, linux }), "INTERNAL");
    expect(core.containers.get(containerId)?.config).toEqual(before);
  });
});

describe("a removal that can't be made durable", () => {
  const removed = async (harness: CoreHarness): Promise<number> => {
    const { world, clock, store } = harness;
    const after = await openCore({ world, clock, store: store.losePower() });
    return after.core.sandboxes.size + after.core.containers.size;
  };

  it("fails, and who asks again is told of success when it is", async () => {
    const harness = await openCore();
    const { runtime, faults } = harness;
    const { containerId, podSandboxId } = await runContainer(harness);
    // the end of the container is made durable before
    await runtime.stopContainer({ containerId });
    faults.fail("store.flush", gone);
    await failure(runtime.removeContainer({ containerId }), "INTERNAL");
    await runtime.removeContainer({ containerId });
    await runtime.stopPodSandbox({ podSandboxId });
    faults.fail("store.flush", gone);
    await failure(runtime.removePodSandbox({ podSandboxId }), "INTERNAL");
    await runtime.removePodSandbox({ podSandboxId });
    expect(await removed(harness)).toBe(0);
  });

  it("is not told to somebody else before", async () => {
    const harness = await openCore();
    const { runtime, faults, core } = harness;
    const { containerId } = await runContainer(harness);
    await runtime.stopContainer({ containerId });
    const hold = faults.hold("store.flush");
    const first = failure(runtime.removeContainer({ containerId }), "INTERNAL");
    await core.containers.until(containerId, () => false);
    const second = failure(runtime.removeContainer({ containerId }), "INTERNAL");
    await hold.arrived(2);
    hold.fail(gone);
    await Promise.all([first, second]);
  });
});

describe("a memory store", () => {
  it("does not take back by a late flush what a later one has made durable", async () => {
    const faults = createFaults();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    let flushes = 0;
    const reach: typeof faults.reach = async (point) => {
      if (point === "store.flush" && ++flushes === 1) await gate;
    };
    const store = createMemoryStore({ faults: { ...faults, reach } });
    await store.put("a", new Uint8Array([1]));
    const early = store.flush();
    await store.put("b", new Uint8Array([2]));
    await store.flush();
    open();
    await early;
    expect((await store.losePower().load()).has("b")).toBe(true);
  });
});
