import type { RuntimeRpc } from "./rpc.ts";
import { verboseInfo } from "./verbose-info.ts";

export const status: RuntimeRpc<"status"> = (core) => async (request, call) => {
  call.stage("asking whether runtime and network are ready");
  const { node } = core.engine;
  const { runtime, network } = await node.conditions();
  return {
    status: {
      conditions: [
        { type: "RuntimeReady", ...runtime },
        { type: "NetworkReady", ...network },
      ],
    },
    runtimeHandlers: [...node.handlers()],
    features: node.features(),
    info: request.verbose ? verboseInfo({}, await node.inspect()) : {},
  };
};
