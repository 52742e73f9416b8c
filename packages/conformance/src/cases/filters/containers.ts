import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const containersBySandbox: Case = defineCase({
  name: "ListContainers by sandbox has that pod's containers and no others",
  cites: "runtime.v1 ContainerFilter: pod_sandbox_id",
  covers: ["ContainerFilter.pod_sandbox_id"],
  async run({ cri, pod, anotherPod }) {
    const [mine] = await Promise.all([pod.create(), anotherPod().create()]);
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toMatchObject([{ id: mine.id, podSandboxId: pod.id }]);
  },
});
