import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { describe, expect, it } from "vitest";
import { containerConfig, openHarness, podConfig } from "./harness.ts";

describe.each(["v1", "v1alpha2"] as const)("a pod's life by %s", (version) => {
  it("runs, creates, starts, ends, stops and removes", async () => {
    const { runtime, engine, store } = await openHarness({ version });
    expect((await runtime.version({})).runtimeApiVersion).toBe(version);

    const { podSandboxId } = await runtime.runPodSandbox({ config: podConfig() });
    expect(podSandboxId).toMatch(/^[0-9a-f]{64}$/);
    const ready = await runtime.podSandboxStatus({ podSandboxId });
    expect(ready.status?.state).toBe(PodSandboxState.SANDBOX_READY);
    expect(ready.status?.network).toMatchObject({ ip: "10.0.0.1", additionalIps: [{ ip: "fd00::1" }] });

    const { containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig() });
    const created = (await runtime.containerStatus({ containerId })).status;
    expect(created).toMatchObject({ state: ContainerState.CONTAINER_CREATED, logPath: "/var/log/pods/pod/main/0.log" });
    await runtime.startContainer({ containerId });
    const running = (await runtime.containerStatus({ containerId })).status;
    expect(running?.state).toBe(ContainerState.CONTAINER_RUNNING);
    await engine.end(containerId, { code: 7, reason: "Error", finishedAtNs: (running?.startedAt ?? 0n) + 5n });
    const exited = (await runtime.containerStatus({ containerId })).status;
    expect(exited).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 7, reason: "Error" });
    expect(exited?.finishedAt).toBe((running?.startedAt ?? 0n) + 5n);

    await runtime.stopPodSandbox({ podSandboxId });
    const stopped = await runtime.podSandboxStatus({ podSandboxId });
    expect(stopped.status?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    expect(stopped.status?.network?.ip).toBe("");
    await runtime.removePodSandbox({ podSandboxId });
    expect((await runtime.listPodSandbox({})).items).toEqual([]);
    expect((await runtime.listContainers({})).containers).toEqual([]);
    expect([...engine.world]).toEqual([]);
    expect([...store.values.keys()]).toEqual([]);
  });
});
