import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ignoresStop } from "../../program/program.ts";

export const stopsAtOnce: Case = defineCase({
  name: "StopContainer calls at one moment all succeed, and the container ends once",
  cites: "runtime.v1 StopContainer: idempotent; a second call while the first waits",
  covers: ["StopContainerRequest.container_id", "ContainerStatus.finished_at"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: ignoresStop });
    const stop = () => expectSuccess(cri.stopContainer({ containerId: c.id, timeout: 0n }));
    await Promise.all([stop(), stop(), stop()]);
    const { state, exitCode, finishedAt } = await c.status();
    expect({ state, exitCode }).toEqual({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
    expect(finishedAt).toBeGreaterThan(0n);
    await stop();
    expect((await c.status()).finishedAt).toBe(finishedAt);
  },
});

export const removesAtOnce: Case = defineCase({
  name: "RemoveContainer calls at one moment leave no container, and none of them hangs",
  cites: "runtime.v1 RemoveContainer: idempotent",
  covers: ["RemoveContainerRequest.container_id"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: ignoresStop });
    const remove = () => cri.removeContainer({ containerId: c.id });
    await Promise.allSettled([remove(), remove(), remove()]);
    await expectSuccess(remove());
    await expectFailure(cri.containerStatus({ containerId: c.id }), "NOT_FOUND");
  },
});

export const stopsOfOneSandbox: Case = defineCase({
  name: "StopPodSandbox calls at one moment all succeed, and the sandbox is NOTREADY after each",
  cites: "runtime.v1 StopPodSandbox: idempotent",
  covers: ["StopPodSandboxRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    await pod.start();
    const stop = async () => {
      await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
      expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    };
    await Promise.all([stop(), stop(), stop()]);
  },
});

export const removalOfABusyPod: Case = defineCase({
  name: "RemovePodSandbox while containers are created and started in it leaves nothing of the pod",
  cites: "runtime.v1 RemovePodSandbox: nothing of it is seen in any list afterwards",
  covers: ["RemovePodSandboxRequest.pod_sandbox_id"],
  async run({ cri, pod, until }) {
    await pod.run();
    const busy = Promise.allSettled(Array.from({ length: 4 }, () => pod.start()));
    await cri.version({}); // they are on their way
    const remove = () => cri.removePodSandbox({ podSandboxId: pod.id }).then(() => true as const);
    await Promise.allSettled([cri.stopPodSandbox({ podSandboxId: pod.id }).then(remove), busy]);
    // an error means that something is left, and the kubelet calls again
    await until("the pod is removed", () => remove().catch(() => undefined));
    expect((await cri.listPodSandbox({ filter: { id: pod.id } })).items).toEqual([]);
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
    await expectFailure(cri.podSandboxStatus({ podSandboxId: pod.id }), "NOT_FOUND");
  },
});

export const createWhileStopping: Case = defineCase({
  name: "a container that is created while its sandbox stops does not run afterwards",
  cites: "runtime.v1 StopPodSandbox: kills every process of the sandbox; CreateContainer: in a READY sandbox",
  covers: ["StopPodSandboxRequest.pod_sandbox_id", "CreateContainerRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    await pod.start();
    const created = Promise.allSettled(Array.from({ length: 3 }, () => pod.start()));
    await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
    await created;
    await expectSuccess(cri.stopPodSandbox({ podSandboxId: pod.id }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)).toEqual([]);
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_NOTREADY);
  },
});

export const pullsAtOnce: Case = defineCase({
  name: "PullImage calls of one image at one moment all answer with the same reference",
  cites: "runtime.v1 PullImage: idempotent",
  covers: ["PullImageResponse.image_ref"],
  async run({ cri, image }) {
    const pull = async () => (await expectSuccess(cri.pullImage({ image: { image } }))).imageRef;
    const [one, two, three] = await Promise.all([pull(), pull(), pull()]);
    expect(one).toMatch(/./);
    expect([two, three]).toEqual([one, one]);
  },
});
