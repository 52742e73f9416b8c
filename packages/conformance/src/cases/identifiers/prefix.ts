import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const hexadecimal: Case = defineCase({
  name: "the IDs of sandboxes and containers are 64 hexadecimal digits",
  cites: "containerd internal/cri/util: GenerateID; what log paths and cgroup names of the field rely on",
  covers: ["RunPodSandboxResponse.pod_sandbox_id", "CreateContainerResponse.container_id"],
  async run({ pod }) {
    const c = await pod.create();
    expect(pod.id).toMatch(/^[0-9a-f]{64}$/);
    expect(c.id).toMatch(/^[0-9a-f]{64}$/);
  },
});
