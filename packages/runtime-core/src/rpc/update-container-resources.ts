import { UpdateContainerResourcesRequestSchema } from "@keelson/cri-api/v1";
import { waitFor } from "../joins/work.ts";
import { checkId, getContainer } from "../lookup.ts";
import { updateContainerResources as update } from "../operations/update-container-resources.ts";
import { checkText } from "../validation/check-text.ts";
import { notByEngine } from "./not-by-engine.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const updateContainerResources: RuntimeRpc<"updateContainerResources"> = (core) => async (request, call) => {
  checkText(UpdateContainerResourcesRequestSchema, request, "");
  checkId(request.containerId, "container_id");
  if (core.engine.containers.updateResources === undefined) throw notByEngine(call);
  const { id } = getContainer(core, request.containerId);
  if (request.linux !== undefined) await waitFor(update(core, id, request.linux), call);
  return {};
};
