import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const runningRunsOn: Case = defineCase({
  name: "what runs while the runtime is killed runs on, with the same status",
  cites: "containerd internal/cri/server/restart.go: recover; the kubelet relies on it",
  covers: ["ContainerStatus.state", "ContainerStatus.started_at", "PodSandboxStatus.state"],
  needs: ["restart"],
  alone: "node",
  async run({ pod, restart }) {
    const c = await pod.start();
    const before = await c.status();
    const { createdAt } = await pod.status();
    await restart("SIGKILL");
    expect(await pod.status()).toMatchObject({ state: PodSandboxState.SANDBOX_READY, createdAt });
    const { createdAt: created, startedAt, labels, imageRef } = before;
    const state = ContainerState.CONTAINER_RUNNING;
    expect(await c.status()).toMatchObject({ state, createdAt: created, startedAt, labels, imageRef });
  },
});
