import { ConnectError } from "@connectrpc/connect";
import { PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { busybox, type CoreHarness, containerConfig, failure, openCore, podConfig } from "./core-harness.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** Calls, cuts the caller off while the create is held, and lets the create end. */
async function cutOff(
  harness: CoreHarness,
  point: "attach-network.apply" | "write-bundle.apply",
  call: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const hold = harness.faults.hold(point);
  const caller = new AbortController();
  const answer = call(caller.signal).then(
    () => expect.fail("it was held"),
    (error: unknown) => ConnectError.from(error),
  );
  await hold.arrived(1);
  caller.abort();
  await answer;
  hold.release();
}

async function untilHidden(harness: CoreHarness): Promise<void> {
  const done = (): boolean => harness.lines.some(({ message }) => message.includes("hidden until it is claimed"));
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("RunPodSandbox of one identity", () => {
  it("gives 50 callers at once one sandbox", async () => {
    const { runtime, faults, world } = await openCore();
    const hold = faults.hold("attach-network.apply");
    const answers = Array.from({ length: 50 }, () => runtime.runPodSandbox({ config: podConfig() }));
    await hold.arrived(1);
    expect((await runtime.listPodSandbox({})).items).toEqual([]);
    hold.release();
    const ids = new Set((await Promise.all(answers)).map(({ podSandboxId }) => podSandboxId));
    expect(ids.size).toBe(1);
    expect((await runtime.listPodSandbox({})).items.map(({ id }) => id)).toEqual([...ids]);
    expect(world.leftovers().filter((held) => held.startsWith("address"))).toHaveLength(1);
  });

  it("is refused for a visible one, naming its ID and state", async () => {
    const { runtime } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const message = await failure(runtime.runPodSandbox({ config: podConfig() }), "ALREADY_EXISTS");
    expect(message).toContain(podSandboxId);
    expect(message).toContain("READY");
    await runtime.stopPodSandbox({ podSandboxId });
    expect(await failure(runtime.runPodSandbox({ config: podConfig() }), "ALREADY_EXISTS")).toContain("NOTREADY");
    await runtime.removePodSandbox({ podSandboxId });
    expect((await runtime.runPodSandbox({ config: podConfig() })).podSandboxId).not.toBe(podSandboxId);
  });

  it("hides what no caller has been told of, and the retry claims it", async () => {
    const harness = await openCore();
    const { runtime, core } = harness;
    await cutOff(harness, "attach-network.apply", (signal) =>
      runtime.runPodSandbox({ config: podConfig() }, { signal }),
    );
    await untilHidden(harness);
    const [hidden] = core.sandboxes.all();
    expect((await runtime.listPodSandbox({})).items).toEqual([]);
    const podSandboxId = hidden?.id ?? "";
    await failure(runtime.podSandboxStatus({ podSandboxId }), "NOT_FOUND");
    await failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "NOT_FOUND");
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
    expect((await runtime.runPodSandbox({ config: podConfig() })).podSandboxId).toBe(podSandboxId);
    const { status } = await runtime.podSandboxStatus({ podSandboxId });
    expect(status?.state).toBe(PodSandboxState.SANDBOX_READY);
  });

  it("reverts what nobody claims for two minutes, to the last bit", async () => {
    const harness = await openCore();
    const { runtime, core, clock, world, store } = harness;
    await cutOff(harness, "attach-network.apply", (signal) =>
      runtime.runPodSandbox({ config: podConfig() }, { signal }),
    );
    await untilHidden(harness);
    await clock.advance(119_999);
    expect(core.sandboxes.size).toBe(1);
    await clock.advance(1);
    while (core.sandboxJoins.size > 0) await clock.advance(1);
    expect(core.sandboxes.size).toBe(0);
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("shows an unclaimed one that could not be reverted as NOTREADY, for a stop and remove to finish", async () => {
    const harness = await openCore();
    const { runtime, faults, clock, core, world } = harness;
    await cutOff(harness, "attach-network.apply", (signal) =>
      runtime.runPodSandbox({ config: podConfig() }, { signal }),
    );
    await untilHidden(harness);
    faults.fail("attach-network.revert", new Error("plugin crashed"));
    await clock.advance(120_000);
    while (core.sandboxJoins.size > 0) await clock.advance(1);
    const [item] = (await runtime.listPodSandbox({})).items;
    expect(item?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await runtime.removePodSandbox({ podSandboxId: item?.id ?? "" });
    expect(world.leftovers()).toEqual([]);
    expect((await runtime.listPodSandbox({})).items).toEqual([]);
  });

  it("leaves nothing of one that failed, so that the retry is made", async () => {
    const { runtime, faults, world, store } = await openCore();
    faults.fail("attach-network.applied", new Error("no address left"));
    expect(await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL")).toContain("no address left");
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
    await runtime.runPodSandbox({ config: podConfig() });
  });

  it.each(["store.flush", "store.commit"] as const)("leaves nothing when its record fails at %s", async (point) => {
    const { runtime, faults, world, store } = await openCore();
    const hold = faults.hold("attach-network.applied");
    const failed = failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    await hold.arrived(1);
    faults.fail(point, new Error("disk full"));
    hold.release();
    expect(await failed).toContain("disk full");
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("shows one that failed and left something as NOTREADY, names what, and lets a remove finish it", async () => {
    const { runtime, faults, world } = await openCore();
    faults.fail("attach-network.applied", new Error("no address left"));
    faults.fail("attach-network.revert", new Error("plugin crashed"));
    const message = await failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    expect(message).toContain("no address left");
    expect(message).toContain("attach-network: plugin crashed");
    const [item] = (await runtime.listPodSandbox({})).items;
    expect(item?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    const podSandboxId = item?.id ?? "";
    expect(await failure(runtime.runPodSandbox({ config: podConfig() }), "ALREADY_EXISTS")).toContain(podSandboxId);
    await failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "FAILED_PRECONDITION");
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });

  it("is visible after a restart, if it was finished", async () => {
    const before = await openCore();
    await cutOff(before, "attach-network.apply", (signal) =>
      before.runtime.runPodSandbox({ config: podConfig() }, { signal }),
    );
    await untilHidden(before);
    const [hidden] = before.core.sandboxes.all();
    const after = await openCore({ world: before.world, store: before.store.crash() });
    expect((await after.runtime.listPodSandbox({})).items.map(({ id }) => id)).toEqual([hidden?.id]);
  });

  it("is reverted at a restart, if it was not finished", async () => {
    const before = await openCore();
    const hold = before.faults.hold("attach-network.applied");
    const lost = before.runtime.runPodSandbox({ config: podConfig() }).catch(() => "lost");
    await hold.arrived(1);
    const after = await openCore({ world: before.world, store: before.store.crash() });
    expect((await after.runtime.listPodSandbox({})).items).toEqual([]);
    expect(after.world.leftovers()).toEqual([]);
    hold.fail(new Error("the process is gone"));
    expect(await lost).toBe("lost");
  });
});

describe("CreateContainer of one identity", () => {
  const envs = ["A", "B", "C"].map((key) => ({ key, value: bytes(key.toLowerCase()) }));

  async function withHidden() {
    const harness = await openCore();
    const { runtime } = harness;
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const config = containerConfig("main", { envs });
    await cutOff(harness, "write-bundle.apply", (signal) =>
      runtime.createContainer({ podSandboxId, config }, { signal }),
    );
    await untilHidden(harness);
    const [hidden] = harness.core.containers.all();
    expect((await runtime.listContainers({})).containers).toEqual([]);
    expect((await runtime.podSandboxStatus({ podSandboxId })).containersStatuses).toEqual([]);
    await failure(runtime.containerStatus({ containerId: hidden?.id ?? "" }), "NOT_FOUND");
    await failure(runtime.startContainer({ containerId: hidden?.id ?? "" }), "NOT_FOUND");
    return { ...harness, podSandboxId, hiddenId: hidden?.id };
  }

  it("claims a hidden one, also with envs in another order", async () => {
    const { runtime, podSandboxId, hiddenId } = await withHidden();
    const config = containerConfig("main", { envs: envs.toReversed() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    expect(containerId).toBe(hiddenId);
    await runtime.startContainer({ containerId });
  });

  it("is made anew with another image, after the hidden one is reverted", async () => {
    const { runtime, images, podSandboxId, hiddenId, world, core } = await withHidden();
    await images.pullImage({ image: { image: "docker.io/library/nginx:latest" } });
    const config = containerConfig("main", { envs, image: { image: "docker.io/library/nginx:latest" } });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    expect(containerId).not.toBe(hiddenId);
    expect(core.containers.all().map(({ id }) => id)).toEqual([containerId]);
    expect(world.leftovers().filter((held) => held.startsWith("bundle"))).toEqual([`bundle ${containerId}`]);
  });

  it("is refused for a visible one", async () => {
    const { runtime } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const request = { podSandboxId, config: containerConfig() };
    const { containerId } = await runtime.createContainer(request);
    const message = await failure(runtime.createContainer(request), "ALREADY_EXISTS");
    expect(message).toContain(containerId);
    expect(message).toContain("CREATED");
  });

  it("takes a hidden one with its sandbox", async () => {
    const { runtime, podSandboxId, world, store, core } = await withHidden();
    await runtime.removePodSandbox({ podSandboxId });
    expect(core.containers.size).toBe(0);
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("is ended by a stop of its sandbox while it is in flight", async () => {
    const { runtime, faults, world } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const hold = faults.hold("write-bundle.apply");
    const creating = runtime.createContainer({ podSandboxId, config: containerConfig() });
    const failed = failure(creating, "FAILED_PRECONDITION");
    await hold.arrived(1);
    await runtime.stopPodSandbox({ podSandboxId });
    expect(await failed).toContain("being stopped");
    expect(world.leftovers().filter((held) => !held.startsWith("files"))).toEqual([]);
    await failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "FAILED_PRECONDITION");
    hold.release();
  });

  it.each(["store.flush", "store.commit"] as const)("leaves nothing when its record fails at %s", async (point) => {
    const { runtime, faults, world, store } = await openCore();
    const hold = faults.hold("attach-network.applied");
    const failed = failure(runtime.runPodSandbox({ config: podConfig() }), "INTERNAL");
    await hold.arrived(1);
    faults.fail(point, new Error("disk full"));
    hold.release();
    expect(await failed).toContain("disk full");
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("shows one that failed and left something as EXITED, and lets a remove finish it", async () => {
    const { runtime, faults, world } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    faults.fail("write-bundle.applied", new Error("disk full"));
    faults.fail("mount-rootfs.revert", new Error("busy"));
    await failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "INTERNAL");
    const [item] = (await runtime.listContainers({})).containers;
    const containerId = item?.id ?? "";
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({
      state: 2,
      exitCode: 128,
      reason: "CreateError",
      imageRef: expect.stringContaining("busybox"),
    });
    expect(status?.message).toContain("mount-rootfs: busy");
    await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION");
    await runtime.removeContainer({ containerId });
    expect(world.leftovers().filter((held) => held.endsWith(containerId))).toEqual([]);
  });
});

it("PullImage is shared by its callers", async () => {
  const { images, faults } = await openCore();
  const hold = faults.hold("image.pull");
  const pulls = [1, 2, 3].map(() => images.pullImage({ image: { image: busybox } }));
  await hold.arrived(1);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  expect(hold.waiting).toBe(1);
  hold.release();
  expect(new Set((await Promise.all(pulls)).map(({ imageRef }) => imageRef)).size).toBe(1);
});
