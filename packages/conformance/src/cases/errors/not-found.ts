import { expect, expectFailure } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const nobody = "0".repeat(64);

export const unknownSandbox: Case = defineCase({
  name: "PodSandboxStatus of a sandbox that is not there is NotFound",
  cites: "runtime.v1 PodSandboxStatus: NotFound when there is none; the kubelet acts on it",
  covers: ["PodSandboxStatusRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.podSandboxStatus({ podSandboxId: nobody }), "NOT_FOUND");
  },
});

export const unknownContainer: Case = defineCase({
  name: "ContainerStatus of a container that is not there is NotFound",
  cites: "runtime.v1 ContainerStatus: NotFound when there is none: the kubelet takes that as removed",
  covers: ["ContainerStatusRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.containerStatus({ containerId: nobody }), "NOT_FOUND");
  },
});

export const startOfUnknown: Case = defineCase({
  name: "StartContainer of a container that is not there is NotFound",
  cites: "runtime.v1 StartContainer: NotFound, no such container",
  covers: ["StartContainerRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.startContainer({ containerId: nobody }), "NOT_FOUND");
  },
});

export const execInUnknown: Case = defineCase({
  name: "ExecSync in a container that is not there is NotFound",
  cites: "runtime.v1 ExecSync: NotFound, no such container",
  covers: ["ExecSyncRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.execSync({ containerId: nobody, cmd: ["true"], timeout: 5n }), "NOT_FOUND");
  },
});

export const createInUnknown: Case = defineCase({
  name: "CreateContainer in a sandbox that is not there is NotFound",
  cites: "runtime.v1 CreateContainer: NotFound, no such sandbox",
  covers: ["CreateContainerRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    const request = { podSandboxId: nobody, config: pod.container(), sandboxConfig: pod.config };
    await expectFailure(cri.createContainer(request), "NOT_FOUND");
  },
});

export const createOfUnknownImage: Case = defineCase({
  name: "CreateContainer from an image that is not there is NotFound, and leaves no container",
  cites: "runtime.v1 CreateContainer: NotFound, no such image; the image must have been pulled",
  covers: ["ContainerConfig.image"],
  async run({ cri, pod, images, until }) {
    await pod.run();
    await expectFailure(pod.create({ image: images.missing }), "NOT_FOUND");
    const none = async () => (await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers.length === 0;
    await until("no container is listed", none, { withinMs: 2000 });
  },
});

export const unknownHandler: Case = defineCase({
  name: "RunPodSandbox with a runtime handler that is not there is refused, and leaves no sandbox",
  cites: "runtime.v1 RunPodSandbox: NotFound, there is no such runtime handler; KEP-585",
  covers: ["RunPodSandboxRequest.runtime_handler"],
  async run({ cri, anotherPod }) {
    const pod = anotherPod({ runtimeHandler: "there-is-no-such-handler" });
    await expectFailure(pod.run(), ["NOT_FOUND", "INVALID_ARGUMENT", "UNKNOWN"], /there-is-no-such-handler/);
    const uid = pod.config.metadata?.uid;
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => metadata?.uid === uid)).toEqual([]);
  },
});

export const reopenOfUnknown: Case = defineCase({
  name: "ReopenContainerLog of a container that is not there is NotFound",
  cites: "runtime.v1 ReopenContainerLog: NotFound, no such container",
  covers: ["ReopenContainerLogRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.reopenContainerLog({ containerId: nobody }), "NOT_FOUND");
  },
});

export const updateOfUnknown: Case = defineCase({
  name: "UpdateContainerResources of a container that is not there is NotFound",
  cites: "runtime.v1 UpdateContainerResources: NotFound, no such container",
  covers: ["UpdateContainerResourcesRequest.container_id"],
  async run({ cri }) {
    const request = { containerId: nobody, linux: { cpuShares: 512n } };
    await expectFailure(cri.updateContainerResources(request), "NOT_FOUND");
  },
});
