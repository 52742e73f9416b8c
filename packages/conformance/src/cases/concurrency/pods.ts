import { PodSandboxState } from "@keelson/cri-api/v1";
import { expect } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const podsSideBySide: Case = defineCase({
  name: "pods that are asked for at one moment get an ID each",
  cites: "containerd internal/cri: RunPodSandbox holds no lock over another pod",
  covers: ["RunPodSandboxResponse.pod_sandbox_id"],
  async run({ cri, anotherPod, unique }) {
    const pods = Array.from({ length: 4 }, () => anotherPod({ config: { labels: { unique } } }));
    const ids = await Promise.all(pods.map((pod) => pod.run()));
    expect(new Set(ids).size).toBe(pods.length);
    const { items } = await cri.listPodSandbox({ filter: { labelSelector: { unique } } });
    expect(items.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(items.every(({ state }) => state === PodSandboxState.SANDBOX_READY)).toBe(true);
  },
});
