import type { MessageInitShape } from "@bufbuild/protobuf";
import { toJson } from "@bufbuild/protobuf";
import { PodSandboxConfigSchema, type PodSandboxStatusSchema } from "@keelson/cri-api/v1";
import { getSandbox, visibleContainers } from "../lookup.ts";
import type { SandboxRecord } from "../ports/index.ts";
import { isReady, sandboxState } from "../state/states.ts";
import { containerStatusMessage } from "./container-status-message.ts";
import type { RuntimeRpc } from "./rpc.ts";
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

function sandboxStatusMessage(record: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema> {
  const { config, facts } = record;
  // a sandbox that is not whole has given its addresses back, or is about to
  const [ip = "", ...additional] = isReady(record) ? (facts?.ips ?? []) : [];
  const options = config.linux?.securityContext?.namespaceOptions;
  return {
    id: record.id,
    metadata: config.metadata,
    state: sandboxState(record),
    createdAt: record.createdAtNs,
    network: { ip, additionalIps: additional.map((one) => ({ ip: one })) },
    linux: { namespaces: { options } },
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}
