import { toJson } from "@bufbuild/protobuf";
import { ContainerConfigSchema } from "@keelson/cri-api/v1";
import { getContainer } from "../lookup.ts";
import { containerStatusMessage } from "./container-status-message.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { protoNames, verboseInfo } from "./verbose-info.ts";

export const containerStatus: RuntimeRpc<"containerStatus"> = (core) => async (request, call) => {
  call.stage("asking the engine for more about the container");
  const record = getContainer(core, request.containerId);
  const info = request.verbose
    ? verboseInfo(
        {
          sandboxID: record.sandboxId,
          pid: record.exit === undefined ? (record.started?.pid ?? 0) : 0,
          config: toJson(ContainerConfigSchema, record.config, protoNames),
        },
        await core.engine.containers.inspect(record),
      )
    : {};
  return { status: containerStatusMessage(record), info };
};
