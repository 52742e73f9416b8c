import { isMessage } from "@bufbuild/protobuf";
import { ContainerState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import type { ContainerRecord, Engine } from "../src/ports/index.ts";
import {
  type CoreHarness,
  containerConfig,
  failure,
  openCore,
  podConfig,
  runContainer,
  untilExited,
} from "./core-harness.ts";

const path = "/var/log/pods/pod/main/0.log";
const numbered = (ms: readonly number[]) => ({ log: ms.map((atMs) => ({ text: `line ${atMs}`, atMs })) });

describe("ReopenContainerLog", () => {
  it("goes on in a new file after the old one was renamed, and leaves one alone that was not", async () => {
    const harness = await openCore();
    const { runtime, logs, clock } = harness;
    const { containerId } = await runContainer(harness, numbered([0, 1000, 2000]));
    await runtime.reopenContainerLog({ containerId });
    expect(logs.read(path)).toContain("line 0");
    logs.rename(path, `${path}.1`);
    await clock.advance(1000);
    await runtime.reopenContainerLog({ containerId });
    await clock.advance(1000);
    expect(logs.read(`${path}.1`).match(/line \d+/g)).toEqual(["line 0", "line 1000"]);
    expect(logs.read(path).match(/line \d+/g)).toEqual(["line 2000"]);
  });

  it("answers while a graceful stop runs, and is shared by who asks meanwhile", async () => {
    const harness = await openCore();
    const { runtime, clock, faults } = harness;
    const { containerId } = await runContainer(harness, { stop: { afterMs: 30_000 } });
    const stop = runtime.stopContainer({ containerId, timeout: 60n });
    await runtime.reopenContainerLog({ containerId });
    const hold = faults.hold("container.reopen-log");
    const both = [runtime.reopenContainerLog({ containerId }), runtime.reopenContainerLog({ containerId })];
    await hold.arrived(1);
    hold.release();
    await Promise.all(both);
    expect(hold.waiting).toBe(0);
    await clock.advance(30_000);
    await stop;
  });

  it("is refused for what does not run, and done without a log", async () => {
    const harness = await openCore();
    const { runtime, core } = harness;
    const { containerId, podSandboxId } = await runContainer(harness, { exit: { code: 0 } });
    await untilExited(core, containerId);
    await failure(runtime.reopenContainerLog({ containerId }), "FAILED_PRECONDITION");
    await failure(runtime.reopenContainerLog({ containerId: "f".repeat(64) }), "NOT_FOUND");
    const config = containerConfig("b", { logPath: "" });
    const { containerId: unlogged } = await runtime.createContainer({ podSandboxId, config });
    await failure(runtime.reopenContainerLog({ containerId: unlogged }), "FAILED_PRECONDITION");
    await runtime.startContainer({ containerId: unlogged });
    await runtime.reopenContainerLog({ containerId: unlogged });
  });
});

describe("UpdateContainerResources", () => {
  const linuxOf = async ({ runtime }: CoreHarness, containerId: string) =>
    (await runtime.containerStatus({ containerId })).status?.resources?.linux;

  it("sets what is not zero, keeps the rest, and is seen in the status, also after a restart", async () => {
    const before = await openCore();
    const { runtime } = before;
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const resources = { cpuShares: 512n, memoryLimitInBytes: 1000n, oomScoreAdj: 5n };
    const config = containerConfig("main", { linux: { resources } });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    await runtime.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 2000n, oomScoreAdj: 9n } });
    await runtime.startContainer({ containerId });
    await runtime.updateContainerResources({ containerId: containerId.slice(0, 9), linux: { cpuQuota: 5000n } });
    const wanted = { ...resources, memoryLimitInBytes: 2000n, cpuQuota: 5000n };
    expect(await linuxOf(before, containerId)).toMatchObject(wanted);
    const after = await openCore({ world: before.world, clock: before.clock, store: before.store.crash() });
    expect(await linuxOf(after, containerId)).toMatchObject(wanted);
    expect((await after.runtime.containerStatus({ containerId })).status?.state).toBe(ContainerState.CONTAINER_RUNNING);
  });

  it("is judged as a create is, with what stays as it was", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness);
    const update = (linux: object) => runtime.updateContainerResources({ containerId, linux });
    await failure(update({ cpuShares: 1n }), "INVALID_ARGUMENT");
    await failure(update({ cpusetCpus: "3-1" }), "INVALID_ARGUMENT");
    await update({ memoryLimitInBytes: 5000n, memorySwapLimitInBytes: 6000n });
    const message = await failure(update({ memoryLimitInBytes: 7000n }), "INVALID_ARGUMENT");
    expect(message).toContain("linux.resources.memory_swap_limit_in_bytes");
    expect(await linuxOf(harness, containerId)).toMatchObject({ memoryLimitInBytes: 5000n });
  });

  it("changes nothing when the engine fails, and takes back what can't be recorded", async () => {
    const told: bigint[] = [];
    const noting = (engine: Engine): Engine => ({
      ...engine,
      containers: {
        ...engine.containers,
        updateResources: async (record: ContainerRecord) => {
          told.push(record.config.linux?.resources?.cpuShares ?? 0n);
          await engine.containers.updateResources?.(record);
        },
      },
    });
    const harness = await openCore({ over: noting });
    const { runtime, faults } = harness;
    const { containerId } = await runContainer(harness);
    faults.fail("container.update-resources", new Error("the kernel says no"));
    await failure(runtime.updateContainerResources({ containerId, linux: { cpuShares: 3n } }), "INTERNAL");
    faults.fail("store.commit", new Error("disk full"));
    await failure(runtime.updateContainerResources({ containerId, linux: { cpuShares: 4n } }), "INTERNAL");
    expect(told).toEqual([3n, 4n, 0n]);
    expect((await linuxOf(harness, containerId))?.cpuShares ?? 0n).toBe(0n);
    await runtime.updateContainerResources({ containerId, linux: { cpuShares: 5n } });
    expect(await linuxOf(harness, containerId)).toMatchObject({ cpuShares: 5n });
  });

  it("waits for a start and for other updates of the container, and holds nobody else up", async () => {
    const harness = await openCore();
    const { runtime, faults } = harness;
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    const other = await runtime.createContainer({ podSandboxId, config: containerConfig("other") });
    const hold = faults.hold("start-process.apply");
    const start = runtime.startContainer({ containerId });
    await hold.arrived(1);
    const settled: string[] = [];
    const updates = [
      runtime.updateContainerResources({ containerId, linux: { cpuShares: 10n } }).then(() => settled.push("first")),
      runtime.updateContainerResources({ containerId, linux: { cpuQuota: 2000n } }).then(() => settled.push("second")),
    ];
    await runtime.updateContainerResources({ containerId: other.containerId, linux: { cpuShares: 20n } });
    expect(settled).toEqual([]);
    hold.release();
    await Promise.all([start, ...updates]);
    expect(settled).toEqual(["first", "second"]);
    expect(await linuxOf(harness, containerId)).toMatchObject({ cpuShares: 10n, cpuQuota: 2000n });
  });

  it("is refused for what has ended, NOT_FOUND for what is not there, and nothing without linux", async () => {
    const harness = await openCore();
    const { runtime } = harness;
    const { containerId } = await runContainer(harness);
    await runtime.updateContainerResources({ containerId });
    await runtime.stopContainer({ containerId });
    await failure(runtime.updateContainerResources({ containerId, linux: {} }), "FAILED_PRECONDITION");
    await failure(runtime.updateContainerResources({ containerId: "f".repeat(64), linux: {} }), "NOT_FOUND");
    await failure(runtime.updateContainerResources({ containerId, linux: { cpusetCpus: "0\0" } }), "INVALID_ARGUMENT");
  });
});

describe("UpdatePodSandboxResources", () => {
  it("records what the kubelet has set, also over a restart, and tells an engine that wants to know", async () => {
    const told: string[] = [];
    const noting = (engine: Engine): Engine => ({
      ...engine,
      sandboxes: {
        ...engine.sandboxes,
        updateResources: async ({ config }) => void told.push(String(config.linux?.resources?.cpuShares)),
      },
    });
    const before = await openCore({ over: noting });
    const linux = { cgroupParent: "/kubepods/x", sysctls: { "net.core.somaxconn": "1" }, overhead: { cpuShares: 7n } };
    const { podSandboxId } = await before.runtime.runPodSandbox({ config: podConfig("pod", { linux }) });
    await before.runtime.updatePodSandboxResources({ podSandboxId, resources: { cpuShares: 9n } });
    expect(told).toEqual(["9"]);
    const { core } = await openCore({ world: before.world, clock: before.clock, store: before.store.crash() });
    const kept = core.sandboxes.get(podSandboxId)?.config.linux;
    expect(kept).toMatchObject({ cgroupParent: "/kubepods/x", sysctls: linux.sysctls, resources: { cpuShares: 9n } });
    expect(kept?.overhead).toBeUndefined();
    expect(isMessage(kept)).toBe(true);
  });

  it("that the engine refuses, or that can't be made durable, is taken back", async () => {
    const refusing = (engine: Engine): Engine => ({
      ...engine,
      sandboxes: {
        ...engine.sandboxes,
        updateResources: async ({ config }) => {
          if (config.linux?.resources?.cpuShares === 3n) throw new Error("the machine says no");
        },
      },
    });
    const { runtime, core, faults } = await openCore({ over: refusing });
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    const set = (cpuShares: bigint) => runtime.updatePodSandboxResources({ podSandboxId, resources: { cpuShares } });
    const shares = () => core.sandboxes.get(podSandboxId)?.config.linux?.resources?.cpuShares;
    await set(2n);
    await failure(set(3n), "INTERNAL");
    expect(shares()).toBe(2n);
    faults.fail("store.flush", new Error("disk full"));
    await failure(set(4n), "INTERNAL");
    expect(shares()).toBe(2n);
    await set(5n);
    expect(shares()).toBe(5n);
  });

  it("with a value that means nothing is refused, and changes nothing", async () => {
    const { runtime, core } = await openCore();
    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    await runtime.updatePodSandboxResources({ podSandboxId, resources: { cpuShares: 9n } });
    const wrong = { podSandboxId, overhead: { cpuPeriod: 1n } };
    expect(await failure(runtime.updatePodSandboxResources(wrong), "INVALID_ARGUMENT")).toContain(
      "overhead.cpu_period",
    );
    expect(core.sandboxes.get(podSandboxId)?.config.linux?.resources?.cpuShares).toBe(9n);
  });

  it("is NOT_FOUND for a pod that is not there", async () => {
    const { runtime } = await openCore();
    await failure(runtime.updatePodSandboxResources({ podSandboxId: "f".repeat(64) }), "NOT_FOUND");
  });
});
