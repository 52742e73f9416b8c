import { type ContainerConfig, ContainerState, Signal } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { busybox, containerConfig, failure, openCore, podConfig, runContainer, untilExited } from "./core-harness.ts";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe("StartContainer", () => {
  it("is refused for a container that runs or has ended, naming its state", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness);
    expect(await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION")).toContain("RUNNING");
    await runtime.stopContainer({ containerId });
    expect(await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION")).toContain("EXITED");
  });

  it("of an unknown container is NOT_FOUND", async () => {
    const { runtime } = await openCore();
    await failure(runtime.startContainer({ containerId: "f".repeat(64) }), "NOT_FOUND");
  });

  it("that fails leaves the container EXITED with 128, StartError and why", async () => {
    const harness = await openCore();
    const { runtime, world } = harness;
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const config = containerConfig("main", { script: { startError: "no such file: /nothing" } });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    const message = await failure(runtime.startContainer({ containerId }), "NOT_FOUND");
    expect(message).toContain("/nothing");
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 128, reason: "StartError" });
    expect(status?.message).toContain("/nothing");
    expect(status?.finishedAt).toBeGreaterThanOrEqual(status?.createdAt ?? 0n);
    expect(world.leftovers().filter((held) => held.startsWith("process"))).toEqual([]);
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });

  it("is shared by who asks while it starts", async () => {
    const { runtime, faults } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    const hold = faults.hold("start-process.apply");
    const starts = [runtime.startContainer({ containerId }), runtime.startContainer({ containerId })];
    await hold.arrived(1);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_CREATED);
    hold.release();
    await Promise.all(starts);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
  });

  it("is refused in a sandbox that is being stopped or is NOTREADY", async () => {
    const { runtime, faults, world } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    const hold = faults.hold("attach-network.revert");
    const stopping = runtime.stopPodSandbox({ podSandboxId });
    await hold.arrived(1);
    expect(await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION")).toContain("being stopped");
    hold.release();
    await stopping;
    expect(await failure(runtime.startContainer({ containerId }), "FAILED_PRECONDITION")).toContain("NOTREADY");
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });

  it("keeps an end that comes before its own answer", async () => {
    const harness = await openCore();
    const { runtime, core } = harness;
    const { containerId } = await runContainer(harness, { exit: { code: 3 } });
    await untilExited(core, containerId);
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 3, reason: "Error" });
    expect(status?.startedAt).toBeGreaterThan(0n);
    expect(status?.finishedAt).toBeGreaterThanOrEqual(status?.startedAt ?? 0n);
  });
});

describe("an end", () => {
  it("that could not be recorded is recorded later, because it is told once", async () => {
    const harness = await openCore();
    const { core, runtime, clock, faults, lines } = harness;
    const { containerId } = await runContainer(harness, { exit: { code: 9, afterMs: 1000 } });
    faults.fail("store.commit", new Error("disk full"), { times: 2 });
    const timers = clock.pending;
    await clock.advance(1000);
    await clock.untilPending(timers);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    while (core.containers.get(containerId)?.exit === undefined) await clock.advance(1000);
    expect((await runtime.containerStatus({ containerId })).status?.exitCode).toBe(9);
    expect(lines.filter(({ message }) => message.includes("tried again"))).toHaveLength(2);
  });
});

describe("StopContainer", () => {
  it("sends the stop signal and waits for the recorded end", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const { containerId } = await runContainer(harness, { stop: { code: 5, afterMs: 2000 } });
    const timers = clock.pending;
    const stopping = runtime.stopContainer({ containerId, timeout: 30n });
    await clock.untilPending(timers + 2);
    await clock.advance(2000);
    await stopping;
    const { status } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 5 });
  });

  it("kills after the grace, and answers Status, List and ExecSync meanwhile", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const { containerId, podSandboxId } = await runContainer(harness, { stop: "ignore" });
    const stopping = runtime.stopContainer({ containerId, timeout: 10n });
    await clock.untilPending(1);
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
    expect((await runtime.listContainers({})).containers).toHaveLength(1);
    expect((await runtime.podSandboxStatus({ podSandboxId })).status?.id).toBe(podSandboxId);
    expect((await runtime.execSync({ containerId, cmd: ["true"] })).exitCode).toBe(0);
    await clock.advance(10_000);
    await stopping;
    expect((await runtime.containerStatus({ containerId })).status).toMatchObject({ exitCode: 137 });
  });

  it("kills at once with timeout 0", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness, { stop: "ignore" });
    await runtime.stopContainer({ containerId });
    expect((await runtime.containerStatus({ containerId })).status?.exitCode).toBe(137);
  });

  it("is shortened by a later one", async () => {
    const harness = await openCore();
    const { runtime, clock } = harness;
    const { containerId } = await runContainer(harness, { stop: "ignore" });
    const patient = runtime.stopContainer({ containerId, timeout: 86_400n });
    await clock.untilPending(1);
    await runtime.stopContainer({ containerId, timeout: 0n });
    await patient;
  });

  it("succeeds for what is unknown, has ended or never ran", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    await runtime.stopContainer({ containerId: "f".repeat(64) });
    const { containerId, podSandboxId } = await runContainer(harness);
    await runtime.stopContainer({ containerId });
    await runtime.stopContainer({ containerId, timeout: 10n });
    const other = await runtime.createContainer({ podSandboxId, config: containerConfig("other") });
    await runtime.stopContainer({ containerId: other.containerId });
    const { status } = await runtime.containerStatus({ containerId: other.containerId });
    expect(status?.state).toBe(ContainerState.CONTAINER_CREATED);
  });
});

describe("RemoveContainer", () => {
  it("ends what runs, gives everything back and succeeds twice", async () => {
    const harness = await openCore();
    const { runtime, world } = harness;
    const { containerId } = await runContainer(harness, { stop: "ignore" });
    await runtime.removeContainer({ containerId });
    await runtime.removeContainer({ containerId });
    expect(world.leftovers().filter((held) => held.endsWith(containerId))).toEqual([]);
    await failure(runtime.containerStatus({ containerId }), "NOT_FOUND");
  });

  it("that fails keeps the container, for the next to finish", async () => {
    const harness = await openCore();
    const { runtime, faults, world } = harness;
    const { containerId } = await runContainer(harness);
    faults.fail("mount-rootfs.revert", new Error("busy"));
    expect(await failure(runtime.removeContainer({ containerId }), "INTERNAL")).toContain("mount-rootfs: busy");
    expect((await runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_EXITED);
    await runtime.removeContainer({ containerId });
    expect(world.leftovers().filter((held) => held.endsWith(containerId))).toEqual([]);
  });

  it("ends a start that hangs", async () => {
    const { runtime, faults, world } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    const hold = faults.hold("start-process.apply");
    const starting = failure(runtime.startContainer({ containerId }), "CANCELED");
    await hold.arrived(1);
    await runtime.removeContainer({ containerId });
    expect(await starting).toContain("being removed");
    expect(world.leftovers().filter((held) => held.endsWith(containerId))).toEqual([]);
  });
});

describe("RemovePodSandbox", () => {
  it("ends and removes everything in it by force, and succeeds twice", async () => {
    const harness = await openCore();
    const { runtime, world, store } = harness;
    const { podSandboxId } = await runContainer(harness, { stop: "ignore" });
    await runtime.createContainer({ podSandboxId, config: containerConfig("second") });
    await Promise.all([runtime.removePodSandbox({ podSandboxId }), runtime.removePodSandbox({ podSandboxId })]);
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
    expect((await store.load()).size).toBe(0);
  });

  it("that fails keeps the sandbox NOTREADY, for the next to finish", async () => {
    const harness = await openCore();
    const { runtime, faults, world } = harness;
    const { podSandboxId } = await runContainer(harness);
    faults.fail("attach-network.revert", new Error("plugin crashed"));
    await failure(runtime.removePodSandbox({ podSandboxId }), "INTERNAL");
    expect((await runtime.podSandboxStatus({ podSandboxId })).status?.state).toBe(1);
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });
});

describe("StopPodSandbox", () => {
  it("ends all containers, keeps them and the sandbox, and succeeds again and for the unknown", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { podSandboxId, containerId } = await runContainer(harness, { stop: "ignore" });
    await Promise.all([runtime.stopPodSandbox({ podSandboxId }), runtime.stopPodSandbox({ podSandboxId })]);
    await runtime.stopPodSandbox({ podSandboxId });
    await runtime.stopPodSandbox({ podSandboxId: "f".repeat(64) });
    expect((await runtime.containerStatus({ containerId })).status?.exitCode).toBe(137);
    expect((await runtime.listPodSandbox({})).items).toHaveLength(1);
  });

  it("finds a sandbox that lost its namespaces NOTREADY", async () => {
    const { runtime, world, core } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    world.breakSandbox(podSandboxId, "somebody unmounted them");
    await core.sandboxes.until(podSandboxId, ({ lost }) => lost !== undefined);
    const { status } = await runtime.podSandboxStatus({ podSandboxId });
    expect(status).toMatchObject({ state: 1, network: { ip: "" } });
    await failure(runtime.createContainer({ podSandboxId, config: containerConfig() }), "FAILED_PRECONDITION");
    await runtime.removePodSandbox({ podSandboxId });
    expect(world.leftovers()).toEqual([]);
  });
});

describe("ExecSync", () => {
  it("gives code and both outputs", async () => {
    const harness = await openCore();
    const exec = [{ command: ["ls", "-l"], code: 4, stdout: "out", stderr: "err" }];
    const { containerId } = await runContainer(harness, { exec });
    const answer = await harness.runtime.execSync({ containerId, cmd: ["ls", "-l"] });
    expect([answer.exitCode, text(answer.stdout), text(answer.stderr)]).toEqual([4, "out", "err"]);
  });

  it("ends at its timeout, given in seconds", async () => {
    const harness = await openCore();
    const { clock, runtime } = harness;
    const { containerId } = await runContainer(harness, { exec: [{ command: ["sleep"], afterMs: 60_000 }] });
    const timers = clock.pending;
    const failed = failure(runtime.execSync({ containerId, cmd: ["sleep"], timeout: 2n }), "DEADLINE_EXCEEDED");
    await clock.untilPending(timers + 2);
    await clock.advance(2000);
    await failed;
    expect(clock.pending).toBe(timers);
  });

  it("ends with its caller", async () => {
    const harness = await openCore();
    const { clock, runtime } = harness;
    const { containerId } = await runContainer(harness, { exec: [{ command: ["sleep"], afterMs: 60_000 }] });
    const timers = clock.pending;
    const caller = new AbortController();
    const failed = failure(runtime.execSync({ containerId, cmd: ["sleep"] }, { signal: caller.signal }), "CANCELED");
    await clock.untilPending(timers + 1);
    caller.abort();
    await failed;
    while (clock.pending > timers) await clock.advance(0);
  });

  it("is refused where nothing runs, and for no command", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId, podSandboxId } = await runContainer(harness, { exec: [{ command: ["no"], notFound: true }] });
    await failure(runtime.execSync({ containerId, cmd: [] }), "INVALID_ARGUMENT");
    await failure(runtime.execSync({ containerId, cmd: ["no"] }), "NOT_FOUND");
    await failure(runtime.execSync({ containerId: "f".repeat(64), cmd: ["true"] }), "NOT_FOUND");
    const created = await runtime.createContainer({ podSandboxId, config: containerConfig("other") });
    const exec = runtime.execSync({ containerId: created.containerId, cmd: ["true"] });
    const message = await failure(exec, "FAILED_PRECONDITION");
    expect(message).toContain("CREATED");
  });
});

describe("ContainerStatus", () => {
  it("shows what was asked for, unaltered", async () => {
    const harness = await openCore();
    const { runtime, images } = harness;
    const { imageRef } = await images.pullImage({ image: { image: busybox } });
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const labels = JSON.parse('{"io.kubernetes.container.name":"main","__proto__":"x","constructor":"y"}');
    const config = containerConfig("main", {
      image: { image: imageRef, userSpecifiedImage: "busybox:latest" },
      labels,
      annotations: { "a/b": "ü" },
      mounts: [{ containerPath: "/data", hostPath: "/srv", readonly: true }],
      stopSignal: Signal.SIGUSR1,
      linux: { resources: { memoryLimitInBytes: 2n ** 53n + 1n }, securityContext: { runAsUser: { value: 7n } } },
    });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    const { status, info } = await runtime.containerStatus({ containerId });
    expect(status).toMatchObject({
      id: containerId,
      metadata: { name: "main", attempt: 0 },
      image: { image: "busybox:latest", userSpecifiedImage: "busybox:latest" },
      imageId: imageRef,
      annotations: { "a/b": "ü" },
      mounts: [{ containerPath: "/data", hostPath: "/srv", readonly: true }],
      stopSignal: Signal.SIGUSR1,
      resources: { linux: { memoryLimitInBytes: 2n ** 53n + 1n } },
      user: { linux: { uid: 7n } },
      startedAt: 0n,
      finishedAt: 0n,
    });
    expect(status?.imageRef).toMatch(/@sha256:[0-9a-f]{64}$/);
    expect(Object.entries(status?.labels ?? {})).toEqual(Object.entries(labels));
    expect(info).toEqual({});
    const verbose = await runtime.containerStatus({ containerId, verbose: true });
    expect(JSON.parse(verbose.info.info ?? "")).toMatchObject({
      sandboxID: podSandboxId,
      pid: 0,
      simulated: true,
      config: { linux: { resources: { memory_limit_in_bytes: String(2n ** 53n + 1n) } } },
    });
  });
});

describe("lists", () => {
  it("pass what a filter asks for: ID or its beginning, state, sandbox, labels", async () => {
    const { runtime } = await openCore({ newId: counted() });
    const first = await runtime.runPodSandbox({ config: podConfig("first", { labels: { app: "a", tier: "x" } }) });
    const second = await runtime.runPodSandbox({ config: podConfig("second", { labels: { app: "b" } }) });
    const create = (podSandboxId: string, config: ContainerConfig) => runtime.createContainer({ podSandboxId, config });
    const in1 = await create(first.podSandboxId, containerConfig("one", { labels: { app: "a" } }));
    const in2 = await create(second.podSandboxId, containerConfig("two"));
    await runtime.startContainer({ containerId: in1.containerId });
    await runtime.stopPodSandbox({ podSandboxId: second.podSandboxId });

    const pods = async (filter: object): Promise<readonly string[]> =>
      (await runtime.listPodSandbox({ filter })).items.map(({ id }) => id);
    const containers = async (filter: object): Promise<readonly string[]> =>
      (await runtime.listContainers({ filter })).containers.map(({ id }) => id);

    expect(await pods({})).toEqual([first.podSandboxId, second.podSandboxId]);
    expect(await pods({ id: first.podSandboxId })).toEqual([first.podSandboxId]);
    expect(await pods({ id: second.podSandboxId.slice(0, 4) })).toEqual([second.podSandboxId]);
    expect(await pods({ id: "e" })).toEqual([]);
    // the beginning of both
    expect(await pods({ id: "00" })).toEqual([]);
    expect(await containers({ id: "00" })).toEqual([]);
    expect(await containers({ podSandboxId: "00" })).toEqual([]);
    expect(await pods({ state: { state: 1 } })).toEqual([second.podSandboxId]);
    expect(await pods({ labelSelector: { app: "a", tier: "x" } })).toEqual([first.podSandboxId]);
    expect(await pods({ labelSelector: { app: "a", tier: "y" } })).toEqual([]);
    expect(await pods({ labelSelector: { toString: "x" } })).toEqual([]);
    expect(await containers({ podSandboxId: first.podSandboxId })).toEqual([in1.containerId]);
    expect(await containers({ podSandboxId: second.podSandboxId.slice(0, 4) })).toEqual([in2.containerId]);
    expect(await containers({ state: { state: ContainerState.CONTAINER_RUNNING } })).toEqual([in1.containerId]);
    expect(await containers({ state: { state: ContainerState.CONTAINER_CREATED } })).toEqual([in2.containerId]);
    expect(await containers({ labelSelector: { app: "a" }, state: { state: 0 } })).toEqual([]);
  });

  it("take a beginning of an ID everywhere, unless it is two's", async () => {
    const { runtime } = await openCore({ newId: counted() });
    const first = await runtime.runPodSandbox({ config: podConfig("first") });
    const second = await runtime.runPodSandbox({ config: podConfig("second") });
    const short = await runtime.podSandboxStatus({ podSandboxId: first.podSandboxId.slice(0, 4) });
    expect(short.status?.id).toBe(first.podSandboxId);
    const message = await failure(runtime.removePodSandbox({ podSandboxId: "00" }), "INVALID_ARGUMENT");
    expect(message).toContain(first.podSandboxId);
    expect(message).toContain(second.podSandboxId);
    await failure(runtime.podSandboxStatus({ podSandboxId: `${first.podSandboxId}0` }), "NOT_FOUND");
    for (const podSandboxId of ["", "x".repeat(10 * 1024 * 1024)]) {
      await failure(runtime.podSandboxStatus({ podSandboxId }), "INVALID_ARGUMENT");
    }
  });
});

/** IDs that begin with their number: 0001…, 0002… */
function counted(): () => string {
  let count = 0;
  return () => String(++count).padStart(4, "0").padEnd(64, "a");
}
