import { containerFingerprint } from "../joins/fingerprint.ts";
import { getSandbox } from "../lookup.ts";
import { createContainer as create, openSandbox } from "../operations/create-container.ts";
import { containerIdentity } from "../state/states.ts";
import { absoluteLogPath, parseContainer } from "../validation/container-request.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const createContainer: RuntimeRpc<"createContainer"> = (core) => async (request, call) => {
  const config = parseContainer(request);
  const { id: sandboxId } = getSandbox(core, request.podSandboxId);
  const sandbox = openSandbox(core, sandboxId, "create container");
  core.engine.containers.admit(config, sandbox);
  const wanted = { sandboxId, config, logPath: absoluteLogPath(sandbox.config.logDirectory, config.logPath) };
  const containerId = await core.containerJoins.run(
    {
      identity: containerIdentity(wanted),
      fingerprint: containerFingerprint(config),
      group: sandboxId,
      create: (id, task) => create(core, wanted, id, task),
    },
    call,
  );
  return { containerId };
};
