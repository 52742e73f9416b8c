import { expectFailure } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const nobody = "0".repeat(64);

export const unknownSandbox: Case = defineCase({
  name: "PodSandboxStatus of a sandbox that is not there is NotFound",
  cites: "runtime.v1 PodSandboxStatus: an error if the sandbox is not present; kubelet IsNotFound is gRPC NotFound",
  covers: ["PodSandboxStatusRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.podSandboxStatus({ podSandboxId: nobody }), "NOT_FOUND");
  },
});

export const unknownContainer: Case = defineCase({
  name: "ContainerStatus of a container that is not there is NotFound",
  cites: "runtime.v1 ContainerStatus: an error if the container is not present; kubelet IsNotFound is gRPC NotFound",
  covers: ["ContainerStatusRequest.container_id"],
  async run({ cri }) {
    await expectFailure(cri.containerStatus({ containerId: nobody }), "NOT_FOUND");
  },
});
