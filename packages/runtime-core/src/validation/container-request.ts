import { invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  type CreateContainerRequest,
  CreateContainerRequestSchema,
} from "@keelson/cri-api/v1";
import { compact } from "../state/stored.ts";
import { checkText } from "./check-text.ts";

/**
 * The configuration that a CreateContainer asks for.
 * @throws INVALID_ARGUMENT naming the field
 */
export function parseContainer(request: CreateContainerRequest): ContainerConfig {
  checkText(CreateContainerRequestSchema, request, "");
  const { config } = request;
  if (config === undefined) throw invalidArgument("config is missing");
  if (config.metadata === undefined) throw invalidArgument("config.metadata is missing");
  if (config.metadata.name === "") throw invalidArgument("config.metadata.name is empty");
  if (config.image === undefined || config.image.image === "") throw invalidArgument("config.image.image is empty");
  checkLogPath(config.logPath);
  checkEnvs(config);
  checkMounts(config);
  return compact(ContainerConfigSchema, config);
}

/** The absolute path of a container's log; "" when the caller wants none. */
export function absoluteLogPath(logDirectory: string, logPath: string): string {
  if (logDirectory === "" || logPath === "") return "";
  let end = logDirectory.length;
  while (end > 0 && logDirectory.charAt(end - 1) === "/") end--;
  return `${logDirectory.slice(0, end)}/${logPath}`;
}

function checkLogPath(path: string): void {
  if (path === "") return;
  if (path.split("/").some((part) => part === "" || part === "." || part === "..")) {
    throw invalidArgument(`config.log_path ${quote(path)}: want a relative path without "." and ".."`, {
      hint: "it is taken below the sandbox's log_directory",
    });
  }
}

function checkEnvs(config: ContainerConfig): void {
  config.envs.forEach(({ key }, index) => {
    if (key === "" || key.includes("=")) {
      throw invalidArgument(`config.envs[${index}].key ${quote(key)}: want a name without "="`);
    }
  });
}

function checkMounts(config: ContainerConfig): void {
  config.mounts.forEach((mount, index) => {
    if (mount.containerPath === "") throw invalidArgument(`config.mounts[${index}].container_path is empty`);
  });
  config.devices.forEach((device, index) => {
    if (device.hostPath === "") throw invalidArgument(`config.devices[${index}].host_path is empty`);
  });
}
