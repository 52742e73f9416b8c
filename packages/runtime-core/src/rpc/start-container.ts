import { failedPrecondition } from "@keelson/cri-api/errors";
import { waitFor } from "../joins/work.ts";
import { getContainer } from "../lookup.ts";
import { openSandbox } from "../operations/create-container.ts";
import { startContainer as start } from "../operations/start-container.ts";
import { workKeys } from "../operations/work-keys.ts";
import { containerStateName } from "../state/states.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const startContainer: RuntimeRpc<"startContainer"> = (core) => async (request, call) => {
  const container = getContainer(core, request.containerId);
  const what = `start container ${container.id}`;
  const state = containerStateName(container);
  if (state !== "CREATED") throw failedPrecondition(`${what}: its state is ${state}, want CREATED`);
  if (core.works.running(workKeys.removeContainer(container.id)) !== undefined) {
    throw failedPrecondition(`${what}: it is being removed`);
  }
  const sandbox = openSandbox(core, container.sandboxId, what);
  await waitFor(start(core, container, sandbox), call);
  return {};
};
