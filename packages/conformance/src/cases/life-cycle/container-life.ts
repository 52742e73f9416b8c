import { ContainerState } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { exit, sleeps } from "../../program/program.ts";

export const createdRunningExited: Case = defineCase({
  name: "a container goes from created to running to exited, and its times follow each other",
  cites: "runtime.v1 ContainerStatus: created_at, started_at, finished_at; ContainerState",
  covers: [
    "CreateContainerRequest.pod_sandbox_id",
    "CreateContainerRequest.config",
    "CreateContainerResponse.container_id",
    "StartContainerRequest.container_id",
    "ContainerStatusRequest.container_id",
    "ContainerStatus.state",
    "ContainerStatus.created_at",
    "ContainerStatus.started_at",
    "ContainerStatus.finished_at",
    "ContainerStatus.exit_code",
  ],
  async run({ pod }) {
    const c = await pod.create({ program: exit(7) });
    const created = await c.status();
    expect(created).toMatchObject({ id: c.id, state: ContainerState.CONTAINER_CREATED, startedAt: 0n, finishedAt: 0n });
    expect(created.createdAt).toBeGreaterThan(0n);
    await c.start();
    const exited = await c.until("exited");
    expect(exited).toMatchObject({ createdAt: created.createdAt, exitCode: 7 });
    expect(exited.startedAt).toBeAtLeast(exited.createdAt);
    expect(exited.finishedAt).toBeAtLeast(exited.startedAt);
  },
});

export const runningHasNoEnd: Case = defineCase({
  name: "a running container has started and has neither end nor exit code",
  cites: "runtime.v1 ContainerStatus: finished_at and exit_code are only required when it has exited",
  covers: ["ContainerStatus.state", "ContainerStatus.started_at", "ContainerStatus.finished_at"],
  async run({ pod }) {
    const c = await pod.start({ program: sleeps });
    const running = await c.status();
    expect(running).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, finishedAt: 0n, exitCode: 0, reason: "" });
    expect(running.startedAt).toBeAtLeast(running.createdAt);
  },
});
