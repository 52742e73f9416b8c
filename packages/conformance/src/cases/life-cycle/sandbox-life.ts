import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ignoresStop } from "../../program/program.ts";

export const readyWhenItReturns: Case = defineCase({
  name: "a sandbox is READY when RunPodSandbox returns, and has the time of its creation",
  cites: "runtime.v1 RunPodSandbox: it is READY when the call returns",
  covers: ["RunPodSandboxRequest.config", "PodSandboxStatus.created_at", "PodSandboxStatus.id"],
  critest: [
    "[k8s.io] PodSandbox runtime should support basic operations on PodSandbox runtime should support running PodSandbox [Conformance]",
  ],
  async run({ cri, pod }) {
    await pod.run();
    const status = await pod.status();
    expect(status).toMatchObject({ id: pod.id, state: PodSandboxState.SANDBOX_READY });
    expect(status.createdAt).toBeGreaterThan(0n);
    const { items } = await cri.listPodSandbox({ filter: { id: pod.id } });
    expect(items).toMatchObject([{ id: pod.id, state: PodSandboxState.SANDBOX_READY, createdAt: status.createdAt }]);
  },
});

export const notReadyUntilRemoved: Case = defineCase({
  name: "a stopped sandbox stays in the list as NOTREADY until it is removed",
  cites: "runtime.v1 StopPodSandbox: stays in the lists as NOTREADY until it is removed",
  covers: ["StopPodSandboxRequest.pod_sandbox_id", "RemovePodSandboxRequest.pod_sandbox_id", "PodSandbox.state"],
  critest: [
    "[k8s.io] PodSandbox runtime should support basic operations on PodSandbox runtime should support stopping PodSandbox [Conformance]",
    "[k8s.io] PodSandbox runtime should support basic operations on PodSandbox runtime should support removing PodSandbox [Conformance]",
  ],
  async run({ cri, pod }) {
    await pod.run();
    await pod.stop();
    const listed = async () => (await cri.listPodSandbox({ filter: { id: pod.id } })).items;
    expect(await listed()).toMatchObject([{ id: pod.id, state: PodSandboxState.SANDBOX_NOTREADY }]);
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await pod.remove();
    expect(await listed()).toEqual([]);
    await expectFailure(cri.podSandboxStatus({ podSandboxId: pod.id }), "NOT_FOUND");
  },
});

export const stopEndsContainers: Case = defineCase({
  name: "StopPodSandbox ends every container of the sandbox, whatever it does about signals",
  cites: "runtime.v1 StopPodSandbox: kills every process of the sandbox, its containers included",
  covers: ["StopPodSandboxRequest.pod_sandbox_id", "ContainerStatus.state"],
  async run({ pod }) {
    const [stubborn, ordinary] = [await pod.start({ program: ignoresStop }), await pod.start()];
    await pod.stop();
    for (const c of [stubborn, ordinary]) {
      const status = await c.status();
      expect(status).toMatchObject({ state: ContainerState.CONTAINER_EXITED, exitCode: 137 });
      expect(status.finishedAt).toBeAtLeast(status.startedAt);
    }
  },
});

export const stopLeavesOthers: Case = defineCase({
  name: "StopPodSandbox leaves the containers of other sandboxes alone",
  cites: "runtime.v1 StopPodSandbox: kills every process of the sandbox",
  covers: ["StopPodSandboxRequest.pod_sandbox_id"],
  async run({ pod, anotherPod }) {
    const other = anotherPod();
    const [mine, theirs] = [await pod.start(), await other.start()];
    await pod.stop();
    expect((await mine.status()).state).toBe(ContainerState.CONTAINER_EXITED);
    expect((await theirs.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
    expect((await other.status()).state).toBe(PodSandboxState.SANDBOX_READY);
  },
});

export const forcedRemoval: Case = defineCase({
  name: "RemovePodSandbox of a READY sandbox kills and removes its running containers",
  cites: "runtime.v1 RemovePodSandbox: what still runs is killed and stopped first",
  covers: ["RemovePodSandboxRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    const c = await pod.start({ program: ignoresStop });
    await pod.remove();
    await expectFailure(cri.podSandboxStatus({ podSandboxId: pod.id }), "NOT_FOUND");
    await expectFailure(cri.containerStatus({ containerId: c.id }), "NOT_FOUND");
    expect((await cri.listContainers({ filter: { podSandboxId: pod.id } })).containers).toEqual([]);
  },
});

export const nothingStartsInAStopped: Case = defineCase({
  name: "no container is created and none is started in a sandbox that is NOTREADY",
  cites: "runtime.v1 CreateContainer, StartContainer: not in a sandbox that is NOTREADY",
  covers: ["CreateContainerRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    const c = await pod.create();
    await pod.stop();
    const config = pod.container();
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    await expectRefusal(cri.createContainer(request));
    await expectRefusal(cri.startContainer({ containerId: c.id }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers.filter(({ state }) => state === ContainerState.CONTAINER_RUNNING)).toEqual([]);
    expect(containers.length).toBeLessThan(2);
  },
});

export const nextSandbox: Case = defineCase({
  name: "the next attempt of a pod runs beside the stopped one, under an ID of its own",
  cites: "runtime.v1 PodSandboxMetadata: attempt; RunPodSandbox: the identity is the metadata",
  covers: ["PodSandboxMetadata.attempt"],
  async run({ cri, pod }) {
    const first = await pod.run();
    await pod.stop();
    const { name = "", uid = "", namespace = "" } = pod.config.metadata ?? {};
    const second = await expectSuccess(pod.runAnew({ metadata: { name, uid, namespace, attempt: 1 } }));
    expect(second).not.toBe(first);
    const { items } = await cri.listPodSandbox({});
    const mine = items.filter(({ metadata }) => metadata?.uid === uid);
    const found = mine.map(({ id, state, metadata }) => ({ id, state, attempt: metadata?.attempt }));
    expect(found.toSorted((a, b) => Number(a.attempt) - Number(b.attempt))).toEqual([
      { id: first, state: PodSandboxState.SANDBOX_NOTREADY, attempt: 0 },
      { id: second, state: PodSandboxState.SANDBOX_READY, attempt: 1 },
    ]);
  },
});

export const timesGoForward: Case = defineCase({
  name: "what is created later has a later time of creation",
  cites: "runtime.v1 PodSandboxStatus and ContainerStatus: created_at in nanoseconds; the kubelet sorts attempts by it",
  covers: ["PodSandboxStatus.created_at", "ContainerStatus.created_at"],
  async run({ pod }) {
    const times = [0n, (await pod.status()).createdAt];
    for (let count = 0; count < 3; count++) times.push((await (await pod.create()).status()).createdAt);
    for (const [at, time] of times.entries()) if (at > 0) expect(time).toBeGreaterThan(times[at - 1] ?? 0n);
  },
});
