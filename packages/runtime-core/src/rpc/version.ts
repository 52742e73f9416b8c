import type { RuntimeRpc } from "./rpc.ts";

/** The version of the kubelet's own runtime API, which every runtime answers. */
const kubeApiVersion = "0.1.0";

export const version: RuntimeRpc<"version"> = (core) => (_request, call) => ({
  version: kubeApiVersion,
  runtimeName: "keelson",
  runtimeVersion: core.runtimeVersion,
  runtimeApiVersion: call.version,
});
