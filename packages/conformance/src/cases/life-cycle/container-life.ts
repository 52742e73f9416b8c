import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
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
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support creating container [Conformance]",
    "[k8s.io] Container runtime should support basic operations on container runtime should support starting container [Conformance]",
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
  name: "a running container has started and has neither end nor exit code nor reason",
  cites: "runtime.v1 ContainerStatus: finished_at and exit_code are only those of an exited container",
  covers: ["ContainerStatus.state", "ContainerStatus.started_at"],
  async run({ pod }) {
    const c = await pod.start({ program: sleeps });
    const running = await c.status();
    expect(running).toMatchObject({ state: ContainerState.CONTAINER_RUNNING, finishedAt: 0n, exitCode: 0, reason: "" });
    expect(running.startedAt).toBeAtLeast(running.createdAt);
  },
});

export const createdDoesNothing: Case = defineCase({
  name: "CreateContainer runs nothing: its log is empty until StartContainer",
  cites: "runtime.v1 CreateContainer: nothing runs until StartContainer",
  covers: ["CreateContainerRequest.config", "StartContainerRequest.container_id"],
  async run({ pod }) {
    const c = await pod.create();
    expect(await c.log()).toEqual([]);
    await c.start();
    await c.untilLogged("ready");
  },
});

export const listedFromItsCreation: Case = defineCase({
  name: "ListContainers shows a container in each of its states, until it is removed",
  cites: "runtime.v1 ListContainers: in every state",
  covers: ["ListContainersResponse.containers", "Container.id", "Container.state", "Container.pod_sandbox_id"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support removing stopped container [Conformance]",
  ],
  async run({ cri, pod }) {
    const c = await pod.create();
    const listed = async () => (await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers;
    const wanted = (state: ContainerState) => [{ id: c.id, state, podSandboxId: pod.id }];
    expect(await listed()).toMatchObject(wanted(ContainerState.CONTAINER_CREATED));
    await c.start();
    expect(await listed()).toMatchObject(wanted(ContainerState.CONTAINER_RUNNING));
    await c.stop();
    expect(await listed()).toMatchObject(wanted(ContainerState.CONTAINER_EXITED));
    await c.remove();
    expect(await listed()).toEqual([]);
  },
});

export const nextAttempt: Case = defineCase({
  name: "the next attempt of a container runs beside the exited one, under an ID of its own",
  cites: "runtime.v1 StartContainer: the kubelet restarts by creating the next attempt",
  covers: ["ContainerMetadata.attempt", "ContainerMetadata.name"],
  async run({ cri, pod }) {
    const first = await pod.start({ name: "main", attempt: 0, program: exit(1) });
    await first.until("exited");
    const second = await expectSuccess(pod.start({ name: "main", attempt: 1 }));
    expect(second.id).not.toBe(first.id);
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    const found = containers.map(({ id, metadata }) => [id, metadata?.name, metadata?.attempt]);
    expect(found.toSorted((a, b) => Number(a[2]) - Number(b[2]))).toEqual([
      [first.id, "main", 0],
      [second.id, "main", 1],
    ]);
  },
});
