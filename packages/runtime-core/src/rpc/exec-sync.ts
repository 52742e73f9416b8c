import { invalidArgument } from "@keelson/cri-api/errors";
import { ExecSyncRequestSchema } from "@keelson/cri-api/v1";
import { checkText } from "../validation/check-text.ts";
import { capOutput } from "./cap-output.ts";
import type { RuntimeRpc } from "./rpc.ts";
import { runningContainer } from "./running-container.ts";
import { millisFromSeconds } from "./seconds.ts";

export const execSync: RuntimeRpc<"execSync"> = (core) => async (request, call) => {
  checkText(ExecSyncRequestSchema, request, "");
  if (request.cmd.length === 0) throw invalidArgument("cmd is empty", { hint: "name a command" });
  const container = runningContainer(core, request.containerId, "exec in");
  call.stage("waiting for the end of the command", `in container ${container.id}`);
  const timeoutMs = request.timeout > 0n ? millisFromSeconds(request.timeout) : undefined;
  const { exitCode, stdout, stderr } = await core.engine.containers.exec(container, {
    command: request.cmd,
    timeoutMs,
    signal: call.signal,
  });
  return { exitCode, ...capOutput({ stdout, stderr }) };
};
