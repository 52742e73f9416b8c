import { ContainerState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ambiguousPrefix } from "./ambiguous-prefix.ts";

export const hexadecimal: Case = defineCase({
  name: "the IDs of sandboxes and containers are 64 hexadecimal digits",
  cites: "containerd internal/cri/util: GenerateID; log paths and cgroup names of the field rely on it",
  covers: ["RunPodSandboxResponse.pod_sandbox_id", "CreateContainerResponse.container_id"],
  async run({ pod }) {
    const c = await pod.create();
    expect(pod.id).toMatch(/^[0-9a-f]{64}$/);
    expect(c.id).toMatch(/^[0-9a-f]{64}$/);
  },
});

export const containerByPrefix: Case = defineCase({
  name: "every call that takes a container ID takes its beginning",
  cites: "runtime.v1 RuntimeService: runtimes also take an unambiguous beginning; containerd truncindex",
  covers: [
    "ContainerStatusRequest.container_id",
    "StartContainerRequest.container_id",
    "ExecSyncRequest.container_id",
    "StopContainerRequest.container_id",
    "RemoveContainerRequest.container_id",
  ],
  async run({ cri, pod }) {
    const command = { stdout: "in it" };
    const c = await pod.create({ program: { exec: [command] } });
    const containerId = c.id.slice(0, 20);
    const status = async () => (await expectSuccess(cri.containerStatus({ containerId }))).status;
    expect((await status())?.id).toBe(c.id);
    await expectSuccess(cri.startContainer({ containerId }));
    expect((await status())?.state).toBe(ContainerState.CONTAINER_RUNNING);
    const cmd = ["sh", "-c", "printf %s 'in it'\nexit 0"];
    expect((await expectSuccess(cri.execSync({ containerId, cmd, timeout: 10n }))).exitCode).toBe(0);
    await expectSuccess(cri.stopContainer({ containerId, timeout: 0n }));
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_EXITED);
    await expectSuccess(cri.removeContainer({ containerId }));
    await expectFailure(cri.containerStatus({ containerId: c.id }), "NOT_FOUND");
  },
});

export const ambiguousContainer: Case = defineCase({
  name: "the beginning of two containers' IDs is an error and touches neither",
  cites: "runtime.v1 RuntimeService: an unambiguous beginning; containerd truncindex ErrAmbiguousPrefix",
  covers: ["ContainerStatusRequest.container_id", "RemoveContainerRequest.container_id"],
  async run({ cri, pod }) {
    const containers = [];
    while (ambiguousPrefix(containers) === undefined) containers.push((await pod.create()).id);
    const containerId = ambiguousPrefix(containers) ?? "";
    await expectRefusal(cri.containerStatus({ containerId }));
    await expectRefusal(cri.removeContainer({ containerId }));
    await expectRefusal(cri.stopContainer({ containerId }));
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toHaveLength(containers.length);
    // the whole ID is no beginning
    const [whole = ""] = containers;
    expect((await expectSuccess(cri.containerStatus({ containerId: whole }))).status?.id).toBe(whole);
    await expectSuccess(cri.removeContainer({ containerId: whole }));
    const { containers: left } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(left.map(({ id }) => id).toSorted()).toEqual(containers.slice(1).toSorted());
  },
});

export const emptyContainerId: Case = defineCase({
  name: "an empty container ID names no container, however few there are",
  cites: "runtime.v1 RuntimeService: InvalidArgument, the request can't be right",
  covers: ["ContainerStatusRequest.container_id", "StartContainerRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.create();
    await expectRefusal(cri.containerStatus({ containerId: "" }));
    await expectRefusal(cri.startContainer({ containerId: "" }));
    await expectRefusal(cri.execSync({ containerId: "", cmd: ["true"] }));
    expect((await c.status()).state).toBe(ContainerState.CONTAINER_CREATED);
    await expectSuccess(cri.startContainer({ containerId: c.id }));
  },
});
