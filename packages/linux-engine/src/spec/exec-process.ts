import { invalidArgument } from "@keelson/cri-api/errors";
import { checkString } from "./environment.ts";
import type { Process } from "./runtime-spec.ts";

export interface ExecProcessInput {
  /** `process` of the container's specification, as it was started. */
  readonly container: Process;
  readonly command: readonly string[];
}

/**
 * The `process.json` of a command in a running container, without a terminal: user, environment, working directory and
 * rights are the container's, never more (THREATS T5.04).
 * @throws INVALID_ARGUMENT without a command, or for one that can't be handed to a process
 */
export function buildExecProcess({ container, command }: ExecProcessInput): Process {
  if (command.length === 0) throw invalidArgument("exec: no command specified", { hint: "set cmd" });
  for (const [index, arg] of command.entries()) checkString(arg, `cmd[${index}]`);
  return { ...container, terminal: false, args: [...command] };
}
