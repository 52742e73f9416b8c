import { PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectFailure, expectRefusal, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { ambiguousPrefix } from "./ambiguous-prefix.ts";

export const sandboxByPrefix: Case = defineCase({
  name: "every call that takes a sandbox ID takes its beginning",
  cites: "runtime.v1 RuntimeService: runtimes also take an unambiguous beginning; containerd truncindex",
  covers: [
    "PodSandboxStatusRequest.pod_sandbox_id",
    "CreateContainerRequest.pod_sandbox_id",
    "StopPodSandboxRequest.pod_sandbox_id",
    "RemovePodSandboxRequest.pod_sandbox_id",
  ],
  async run({ cri, pod }) {
    const podSandboxId = (await pod.run()).slice(0, 20);
    const status = async () => (await expectSuccess(cri.podSandboxStatus({ podSandboxId }))).status;
    expect((await status())?.id).toBe(pod.id);
    const config = pod.container();
    const { containerId } = await expectSuccess(
      cri.createContainer({ podSandboxId, config, sandboxConfig: pod.config }),
    );
    const { containers } = await cri.listContainers({ filter: { id: containerId } });
    expect(containers).toMatchObject([{ podSandboxId: pod.id }]);
    await expectSuccess(cri.stopPodSandbox({ podSandboxId }));
    expect((await status())?.state).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await expectSuccess(cri.removePodSandbox({ podSandboxId }));
    await expectFailure(cri.podSandboxStatus({ podSandboxId: pod.id }), "NOT_FOUND");
  },
});

export const emptySandboxId: Case = defineCase({
  name: "an empty sandbox ID names no sandbox, however few there are",
  cites: "runtime.v1 RuntimeService: InvalidArgument, the request can't be right",
  covers: ["PodSandboxStatusRequest.pod_sandbox_id", "CreateContainerRequest.pod_sandbox_id"],
  async run({ cri, pod }) {
    await pod.run();
    await expectRefusal(cri.podSandboxStatus({ podSandboxId: "" }));
    const config = pod.container();
    await expectRefusal(cri.createContainer({ podSandboxId: "", config, sandboxConfig: pod.config }));
    expect((await pod.status()).state).toBe(PodSandboxState.SANDBOX_READY);
    await expectSuccess(cri.createContainer({ podSandboxId: pod.id, config, sandboxConfig: pod.config }));
  },
});

export const oneSandboxOnly: Case = defineCase({
  name: "the beginning of two sandboxes' IDs is an error and touches neither",
  cites: "runtime.v1 RuntimeService: an unambiguous beginning; containerd truncindex ErrAmbiguousPrefix",
  covers: ["PodSandboxStatusRequest.pod_sandbox_id", "RemovePodSandboxRequest.pod_sandbox_id"],
  async run({ cri, anotherPod }) {
    const ids: string[] = [];
    while (ambiguousPrefix(ids) === undefined) ids.push(await anotherPod().run());
    const podSandboxId = ambiguousPrefix(ids) ?? "";
    await expectRefusal(cri.podSandboxStatus({ podSandboxId }));
    await expectRefusal(cri.stopPodSandbox({ podSandboxId }));
    await expectRefusal(cri.removePodSandbox({ podSandboxId }));
    const { items } = await cri.listPodSandbox({});
    const mine = items.filter(({ id, state }) => ids.includes(id) && state === PodSandboxState.SANDBOX_READY);
    expect(mine).toHaveLength(ids.length);
    // the whole ID is no beginning
    const [whole = ""] = ids;
    expect((await expectSuccess(cri.podSandboxStatus({ podSandboxId: whole }))).status?.id).toBe(whole);
    await expectSuccess(cri.removePodSandbox({ podSandboxId: whole }));
    const left = (await cri.listPodSandbox({})).items.map(({ id }) => id).filter((id) => ids.includes(id));
    expect(left.toSorted()).toEqual(ids.slice(1).toSorted());
  },
});
