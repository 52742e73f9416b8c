import { expect, expectFailure, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const nobody = "0".repeat(64);

export const removeOfRemoved: Case = defineCase({
  name: "RemoveContainer succeeds when already removed, and for one that never was",
  cites: "runtime.v1 RemoveContainer: idempotent, an unknown ID succeeds",
  covers: ["RemoveContainerRequest.container_id"],
  critest: ["[k8s.io] Idempotence RemoveContainer should not return an error if not found"],
  async run({ cri, pod }) {
    const c = await pod.create();
    await expectSuccess(cri.removeContainer({ containerId: c.id }));
    await expectSuccess(cri.removeContainer({ containerId: c.id }));
    await expectSuccess(cri.removeContainer({ containerId: nobody }));
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
  },
});

export const removeOfRemovedSandbox: Case = defineCase({
  name: "RemovePodSandbox succeeds when already removed, and for one that never was",
  cites: "runtime.v1 RemovePodSandbox: idempotent, an unknown ID succeeds",
  covers: ["RemovePodSandboxRequest.pod_sandbox_id"],
  critest: ["[k8s.io] Idempotence RemovePodSandbox should not return an error if not found"],
  async run({ cri, pod }) {
    await pod.run();
    await expectSuccess(cri.removePodSandbox({ podSandboxId: pod.id }));
    await expectSuccess(cri.removePodSandbox({ podSandboxId: pod.id }));
    await expectSuccess(cri.removePodSandbox({ podSandboxId: nobody }));
    await expectFailure(cri.podSandboxStatus({ podSandboxId: pod.id }), "NOT_FOUND");
  },
});

export const removeOfUnknownImage: Case = defineCase({
  name: "RemoveImage of an image that is not there succeeds",
  cites: "runtime.v1 RemoveImage: idempotent, an unknown image succeeds",
  covers: ["RemoveImageRequest.image"],
  critest: ["[k8s.io] Idempotence RemoveImage should not return an error if not found"],
  async run({ cri, images }) {
    await expectSuccess(cri.removeImage({ image: { image: images.missing } }));
    await expectSuccess(cri.removeImage({ image: { image: `sha256:${nobody}` } }));
  },
});

export const pullOfPulled: Case = defineCase({
  name: "PullImage of an image that is there answers with the same reference",
  cites: "runtime.v1 PullImage: idempotent",
  covers: ["PullImageRequest.image", "PullImageResponse.image_ref"],
  async run({ cri, image }) {
    const first = await expectSuccess(cri.pullImage({ image: { image } }));
    const second = await expectSuccess(cri.pullImage({ image: { image } }));
    expect(second.imageRef).toBe(first.imageRef);
    expect(first.imageRef).toMatch(/./);
  },
});

export const configOfTheNode: Case = defineCase({
  name: "UpdateRuntimeConfig answers OK, also the second time",
  cites: "runtime.v1 UpdateRuntimeConfig: a runtime that has no use for it answers OK; idempotent",
  covers: [],
  async run({ cri }) {
    const request = { runtimeConfig: { networkConfig: { podCidr: "10.99.0.0/24" } } };
    await expectSuccess(cri.updateRuntimeConfig(request));
    await expectSuccess(cri.updateRuntimeConfig(request));
    await expectSuccess(cri.updateRuntimeConfig({}));
  },
});
