import { posix } from "node:path";
import { invalidArgument, quote } from "@keelson/cri-api/errors";
import type { ContainerConfig } from "@keelson/cri-api/v1";
import { checkString } from "./environment.ts";
import type { ImageProcessConfig } from "./host-facts.ts";
import { cleanPath, isWithin } from "./path-rules.ts";

/**
 * The command line: `command` stands for the image's entrypoint and then drops its cmd, `args` stand for its cmd.
 * An entrypoint of one empty string counts as none, as Docker writes it to clear one.
 * @throws INVALID_ARGUMENT when nothing is left to run
 */
export function buildArgs(config: Pick<ContainerConfig, "command" | "args">, image: ImageProcessConfig): string[] {
  const args = buildCommandLine(config, image);
  if (args.length === 0) {
    throw invalidArgument("create container: no command specified", {
      hint: "set command, or use an image with an entrypoint or a cmd",
    });
  }
  for (const [index, arg] of args.entries()) checkString(arg, `argument ${index}`);
  return args;
}

function buildCommandLine(
  { command, args }: Pick<ContainerConfig, "command" | "args">,
  image: ImageProcessConfig,
): string[] {
  if (command.length > 0) return [...command, ...args];
  const entrypoint = image.entrypoint ?? [];
  const lead = entrypoint.length === 1 && entrypoint[0] === "" ? [] : entrypoint;
  return [...lead, ...(args.length > 0 ? args : (image.cmd ?? []))];
}

/**
 * The working directory: the configuration's, else the image's, else `/`. It is made by the OCI runtime inside the
 * container, never by the daemon (THREATS T3.02).
 * @throws INVALID_ARGUMENT below `/proc` and `/dev/fd`, where a path leads to descriptors (T3.01)
 */
export function buildCwd(config: Pick<ContainerConfig, "workingDir">, image: ImageProcessConfig): string {
  const cwd =
    config.workingDir === ""
      ? cleanPath(posix.join("/", image.workingDir ?? ""), "the image's WorkingDir")
      : cleanPath(config.workingDir, "working_dir");
  if (cwd.startsWith("/proc/") || isWithin(cwd, "/dev/fd")) {
    throw invalidArgument(`set working directory: ${quote(cwd)} leads to descriptors of a process`, {
      hint: "choose a folder of the container's own",
    });
  }
  return cwd;
}
