import type { CriErrorCode } from "@keelson/cri-api/errors";
import { expectFailure } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

const nobody = "0".repeat(64);
/** Of what is not there, where the call is served; a runtime that lacks the call says so. */
const notThere: readonly CriErrorCode[] = ["NOT_FOUND", "UNIMPLEMENTED"];

export const noStreamToNobody: Case = defineCase({
  name: "Exec, Attach and PortForward hand out no URL for what is not there",
  cites: "runtime.v1 Exec, Attach: NotFound, no such container; PortForward: NotFound, no such sandbox",
  covers: ["ExecRequest.container_id", "AttachRequest.container_id", "PortForwardRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.exec({ containerId: nobody, cmd: ["true"], stdout: true }), notThere);
    await expectFailure(cri.attach({ containerId: nobody, stdout: true }), notThere);
    await expectFailure(cri.portForward({ podSandboxId: nobody, port: [80] }), notThere);
  },
});

export const noCheckpointOfNobody: Case = defineCase({
  name: "CheckpointContainer of a container that is not there fails, and says that it is not there or not served",
  cites: "runtime.v1 CheckpointContainer: NotFound, no such container; Unimplemented, the runtime has no checkpoints",
  covers: ["CheckpointContainerRequest.container_id"],
  async run({ cri, unique }) {
    const request = { containerId: nobody, location: `/there/is/no/${unique}`, timeout: 5n };
    await expectFailure(cri.checkpointContainer(request), notThere);
  },
});

export const noLimitsOfNobody: Case = defineCase({
  name: "UpdatePodSandboxResources of a sandbox that is not there fails, and says that it is not there or not served",
  cites: "runtime.v1 UpdatePodSandboxResources: NotFound, no such sandbox",
  covers: ["UpdatePodSandboxResourcesRequest.pod_sandbox_id"],
  async run({ cri }) {
    await expectFailure(cri.updatePodSandboxResources({ podSandboxId: nobody }), notThere);
  },
});
