import { UpdateRuntimeConfigRequestSchema } from "@keelson/cri-api/v1";
import { checkCidrs } from "../validation/check-cidrs.ts";
import { checkText } from "../validation/check-text.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const updateRuntimeConfig: RuntimeRpc<"updateRuntimeConfig"> = (core) => async (request, call) => {
  checkText(UpdateRuntimeConfigRequestSchema, request, "");
  const network = request.runtimeConfig?.networkConfig;
  if (network !== undefined) checkCidrs(network.podCidr, "runtime_config.network_config.pod_cidr");
  call.stage("telling the network the node's pod CIDR");
  if (network !== undefined) await core.engine.node.updatePodCidr(network.podCidr);
  return {};
};
