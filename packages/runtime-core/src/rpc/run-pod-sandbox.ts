import { sandboxFingerprint } from "../joins/fingerprint.ts";
import { createSandbox } from "../operations/create-sandbox.ts";
import { sandboxIdentity } from "../state/states.ts";
import { parseSandbox } from "../validation/sandbox-request.ts";
import type { RuntimeRpc } from "./rpc.ts";

export const runPodSandbox: RuntimeRpc<"runPodSandbox"> = (core) => async (request, call) => {
  const wanted = parseSandbox(request);
  core.engine.sandboxes.admit(wanted.config, wanted.runtimeHandler);
  const podSandboxId = await core.sandboxJoins.run(
    {
      identity: sandboxIdentity(wanted),
      fingerprint: sandboxFingerprint(wanted.config, wanted.runtimeHandler),
      group: "",
      create: (id, task) => createSandbox(core, wanted, id, task),
    },
    call,
  );
  return { podSandboxId };
};
