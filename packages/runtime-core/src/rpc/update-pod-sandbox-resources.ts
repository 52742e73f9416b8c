import { create } from "@bufbuild/protobuf";
import {
  LinuxPodSandboxConfigSchema,
  type PodSandboxConfig,
  type UpdatePodSandboxResourcesRequest,
  UpdatePodSandboxResourcesRequestSchema,
} from "@keelson/cri-api/v1";
import { getSandbox } from "../lookup.ts";
import { afterFailure } from "../operations/after-failure.ts";
import { checkText } from "../validation/check-text.ts";
import type { RuntimeRpc } from "./rpc.ts";

/** The kubelet has changed the pod's cgroup itself: what it tells is recorded, and told to an engine that sizes by it. */
export const updatePodSandboxResources: RuntimeRpc<"updatePodSandboxResources"> = (core) => async (request, call) => {
  checkText(UpdatePodSandboxResourcesRequestSchema, request, "");
  const { id, config, runtimeHandler } = getSandbox(core, request.podSandboxId);
  core.engine.sandboxes.admit(withResources(config, request), runtimeHandler);
  call.stage("recording the resources", `of sandbox ${id}`);
  let before = config;
  const record = await core.sandboxes.update(id, (old) => {
    before = old.config;
    return { ...old, config: withResources(old.config, request) };
  });
  try {
    await core.store.flush();
    call.stage("passing on the resources", `of sandbox ${id}`);
    await core.engine.sandboxes.updateResources?.(record);
  } catch (error) {
    // what is answered with an error must not be recorded
    await afterFailure(core, "taking an update back", id, () =>
      core.sandboxes.update(id, (old) => (old.config === record.config ? { ...old, config: before } : old)),
    );
    throw error;
  }
  return {};
};

function withResources(
  config: PodSandboxConfig,
  { overhead, resources }: UpdatePodSandboxResourcesRequest,
): PodSandboxConfig {
  const before = config.linux ?? create(LinuxPodSandboxConfigSchema);
  const linux = create(LinuxPodSandboxConfigSchema, {
    cgroupParent: before.cgroupParent,
    sysctls: before.sysctls,
    ...(before.securityContext && { securityContext: before.securityContext }),
    ...(overhead && { overhead }),
    ...(resources && { resources }),
  });
  return { ...config, linux };
}
