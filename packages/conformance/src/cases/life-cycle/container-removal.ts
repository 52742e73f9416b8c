import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ignoresStop, noSuchCommand, says } from "../../program/program.ts";

export const whileRunning: Case = defineCase({
  name: "RemoveContainer of a running container kills it first",
  cites: "runtime.v1 RemoveContainer: one that runs is killed first",
  covers: ["RemoveContainerRequest.container_id"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support removing running container [Conformance]",
  ],
  async run({ cri, pod }) {
    const c = await pod.start({ program: ignoresStop });
    await expectSuccess(cri.removeContainer({ containerId: c.id }));
    await expectFailure(cri.containerStatus({ containerId: c.id }), "NOT_FOUND");
  },
});

export const neverStarted: Case = defineCase({
  name: "RemoveContainer of a container that never started removes it, and its name is free",
  cites: "runtime.v1 RemoveContainer; CreateContainer: the identity is the sandbox with name and attempt",
  covers: ["RemoveContainerRequest.container_id"],
  critest: [
    "[k8s.io] Container runtime should support basic operations on container runtime should support removing created container [Conformance]",
  ],
  async run({ cri, pod }) {
    const c = await pod.create({ name: "main" });
    await c.remove();
    await expectFailure(cri.containerStatus({ containerId: c.id }), "NOT_FOUND");
    const next = await pod.create({ name: "main" });
    expect(next.id).not.toBe(c.id);
    expect((await next.status()).state).toBe(ContainerState.CONTAINER_CREATED);
  },
});

export const logStays: Case = defineCase({
  name: "RemoveContainer leaves the log file, which is the kubelet's",
  cites: "runtime.v1 RemoveContainer: its log file stays",
  covers: ["RemoveContainerRequest.container_id", "ContainerConfig.log_path"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: says("kept") });
    await c.until("exited");
    await c.remove();
    expect((await cri.listContainers({ filter: { id: c.id } })).containers).toEqual([]);
    expect((await c.log()).map(({ text }) => text)).toEqual(["kept"]);
  },
});

export const failedStart: Case = defineCase({
  name: "StartContainer fails when its command is not there, and the container is exited with 128 and StartError",
  cites: "runtime.v1 StartContainer: EXITED with exit code 128 and reason StartError",
  covers: ["ContainerStatus.reason", "ContainerStatus.message", "ContainerStatus.exit_code"],
  async run({ cri, pod }) {
    const c = await pod.create({ program: noSuchCommand });
    await expectFailure(cri.startContainer({ containerId: c.id }), ["NOT_FOUND", "FAILED_PRECONDITION", "UNKNOWN"]);
    const status = await c.status();
    expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 128, reason: "StartError" });
    expect(status.message).toMatch(/no such/);
    await c.remove();
  },
});
