import type { RuntimeRpc } from "./rpc.ts";

export const runtimeConfig: RuntimeRpc<"runtimeConfig"> = (core) => () => ({
  linux: { cgroupDriver: core.engine.node.cgroupDriver() },
});
