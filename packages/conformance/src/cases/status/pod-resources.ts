import { expect, expectFailure, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";
import { recorded, sandboxInfo } from "./recorded.ts";

const overhead = { cpuShares: 3n, memoryLimitInBytes: 1_048_576n };
const resources = { cpuShares: 4n, cpuQuota: 25_000n, cpuPeriod: 50_000n, memoryLimitInBytes: 67_108_864n };

export const podResources: Case = defineCase({
  name: "UpdatePodSandboxResources is recorded, is shown by the verbose PodSandboxStatus, and takes a prefix of the ID",
  cites: "runtime.v1 UpdatePodSandboxResources: the runtime records the values, idempotent; KEP-2837",
  covers: [
    "UpdatePodSandboxResourcesRequest.pod_sandbox_id",
    "UpdatePodSandboxResourcesRequest.overhead",
    "UpdatePodSandboxResourcesRequest.resources",
  ],
  async run({ cri, pod }) {
    const before = await pod.status();
    const request = { podSandboxId: pod.id.slice(0, 20), overhead, resources };
    for (const _ of ["once", "again"]) await expectSuccess(cri.updatePodSandboxResources(request));
    const info = await sandboxInfo({ cri, pod });
    const shown = (path: string) => recorded(info, `config.linux.${path}`);
    expect([shown("overhead.cpu_shares"), shown("overhead.memory_limit_in_bytes")]).toEqual(["3", "1048576"]);
    expect([shown("resources.cpu_shares"), shown("resources.cpu_quota")]).toEqual(["4", "25000"]);
    // unset: none
    await cri.updatePodSandboxResources({ podSandboxId: pod.id, resources });
    expect(recorded(await sandboxInfo({ cri, pod }), "config.linux.overhead")).toBe("");
    expect(await pod.status()).toEqual(before);
  },
});

export const podResourcesStay: Case = defineCase({
  name: "what UpdatePodSandboxResources told is known also after a restart of the runtime",
  cites: "runtime.v1 UpdatePodSandboxResources: the runtime records the values",
  covers: ["UpdatePodSandboxResourcesRequest.resources"],
  needs: ["restart"],
  alone: "node",
  async run({ cri, pod, restart }) {
    await pod.run();
    await cri.updatePodSandboxResources({ podSandboxId: pod.id, resources });
    await restart("SIGKILL");
    const info = await sandboxInfo({ cri, pod });
    expect(recorded(info, "config.linux.resources.memory_limit_in_bytes")).toBe("67108864");
  },
});

export const impossiblePodResources: Case = defineCase({
  name: "UpdatePodSandboxResources with a value that means nothing is InvalidArgument and changes nothing",
  cites: "runtime.v1 LinuxContainerResources.cpu_period: 1,000 to 1,000,000",
  covers: ["UpdatePodSandboxResourcesRequest.resources"],
  async run({ cri, pod }) {
    const podSandboxId = await pod.run();
    await cri.updatePodSandboxResources({ podSandboxId, resources });
    const wrong = { cpuPeriod: 1n };
    await expectFailure(
      cri.updatePodSandboxResources({ podSandboxId, resources: wrong }),
      "INVALID_ARGUMENT",
      /period/,
    );
    expect(recorded(await sandboxInfo({ cri, pod }), "config.linux.resources.cpu_period")).toBe("50000");
  },
});
