import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { containerConfig, openCore, podConfig, untilExited } from "./core-harness.ts";

describe.each(["v1", "v1alpha2"] as const)("a pod's life by %s", (version) => {
  it("runs, creates, starts, ends, stops, removes and leaves nothing", async () => {
    const { core, runtime, world, store, clock } = await openCore({ version });
    expect(await runtime.version({})).toMatchObject({
      version: "0.1.0",
      runtimeName: "keelson",
      runtimeVersion: "1.2.3",
      runtimeApiVersion: version,
    });

    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    expect(podSandboxId).toMatch(/^[0-9a-f]{64}$/);
    const ready = await runtime.podSandboxStatus({ podSandboxId });
    expect(ready.status).toMatchObject({
      id: podSandboxId,
      state: PodSandboxState.SANDBOX_READY,
      network: { ip: "10.88.0.2", additionalIps: [] },
      metadata: { name: "pod", namespace: "default", uid: "uid-of-pod", attempt: 0 },
    });
    expect(ready.status?.createdAt).toBeGreaterThan(0n);

    const config = containerConfig("main", { script: { exit: { code: 7, afterMs: 1000 } } });
    const { containerId } = await runtime.createContainer({ podSandboxId, config });
    const created = (await runtime.containerStatus({ containerId })).status;
    expect(created).toMatchObject({ state: ContainerState.CONTAINER_CREATED, logPath: "/var/log/pods/pod/main/0.log" });
    await clock.advance(5);
    await runtime.startContainer({ containerId });
    const running = (await runtime.containerStatus({ containerId })).status;
    expect(running?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await clock.advance(1000);
    await untilExited(core, containerId);
    const exited = (await runtime.containerStatus({ containerId })).status;
    expect(exited).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 7, reason: "Error" });
    expect((exited?.finishedAt ?? 0n) - (running?.startedAt ?? 0n)).toBe(1_000_000_000n);
    const { containersStatuses, timestamp } = await runtime.podSandboxStatus({ podSandboxId });
    expect(containersStatuses.map(({ id, exitCode }) => ({ id, exitCode }))).toEqual([
      { id: containerId, exitCode: 7 },
    ]);
    expect(timestamp).toBeGreaterThanOrEqual(exited?.finishedAt ?? 0n);

    await runtime.stopPodSandbox({ podSandboxId });
    const stopped = await runtime.podSandboxStatus({ podSandboxId });
    expect(stopped.status?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    expect(stopped.status?.network?.ip).toBe("");
    await runtime.removePodSandbox({ podSandboxId });
    expect((await runtime.listPodSandbox({})).items).toEqual([]);
    expect((await runtime.listContainers({})).containers).toEqual([]);
    expect(world.leftovers()).toEqual([]);
    expect([...(await store.load()).keys()]).toEqual([]);
  });
});
