import { toJson } from "@bufbuild/protobuf";
import { PodSandboxConfigSchema } from "@keelson/cri-api/v1";
import { getSandbox, visibleContainers } from "../lookup.ts";
import { containerStatusMessage } from "./container-status-message.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { sandboxStatusMessage } from "./sandbox-status-message.ts";
import { protoNames, verboseInfo } from "./verbose-info.ts";

export const podSandboxStatus: RuntimeRpc<"podSandboxStatus"> = (core) => async (request, call) => {
  call.stage("asking the engine for more about the sandbox");
  const record = getSandbox(core, request.podSandboxId);
  const containers = visibleContainers(core).filter(({ sandboxId }) => sandboxId === record.id);
  const info = request.verbose
    ? verboseInfo(
        {
          pid: 0,
          runtimeHandler: record.runtimeHandler,
          config: toJson(PodSandboxConfigSchema, record.config, protoNames),
        },
        await core.engine.sandboxes.inspect(record),
      )
    : {};
  return {
    status: sandboxStatusMessage(record),
    info,
    containersStatuses: containers.map(containerStatusMessage),
    timestamp: core.clock.now(),
  };
};
