import { invalidArgument, quote } from "@keelson/cri-api/errors";
import {
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  type RunPodSandboxRequest,
  RunPodSandboxRequestSchema,
} from "@keelson/cri-api/v1";
import type { SandboxWanted } from "../operations/create-sandbox.ts";
import { compact } from "../state/stored.ts";
import { checkText } from "./check-text.ts";

/**
 * What a RunPodSandbox asks for.
 * @throws INVALID_ARGUMENT naming the field
 */
export function parseSandbox(request: RunPodSandboxRequest): SandboxWanted {
  checkText(RunPodSandboxRequestSchema, request, "");
  const { config } = request;
  if (config === undefined) throw invalidArgument("config is missing");
  const { metadata } = config;
  if (metadata === undefined) throw invalidArgument("config.metadata is missing");
  for (const field of ["uid", "namespace", "name"] as const) {
    if (metadata[field] === "") throw invalidArgument(`config.metadata.${field} is empty`);
  }
  checkLogDirectory(config.logDirectory);
  checkPorts(config);
  checkDns(config);
  return { config: compact(PodSandboxConfigSchema, config), runtimeHandler: request.runtimeHandler };
}

function checkLogDirectory(path: string): void {
  if (path === "") return;
  if (!path.startsWith("/") || path.split("/").some((part) => part === ".." || part === ".")) {
    throw invalidArgument(`config.log_directory ${quote(path)}: want an absolute path without "." and ".."`);
  }
}

function checkPorts(config: PodSandboxConfig): void {
  config.portMappings.forEach((mapping, index) => {
    for (const [field, port] of [
      ["container_port", mapping.containerPort],
      ["host_port", mapping.hostPort],
    ] as const) {
      if (port < 0 || port > 65535) {
        throw invalidArgument(`config.port_mappings[${index}].${field} is ${port}, want 0 to 65535`);
      }
    }
  });
}

/** A line feed in a name would be a line of its own in resolv.conf. */
function checkDns(config: PodSandboxConfig): void {
  const { servers = [], searches = [], options = [] } = config.dnsConfig ?? {};
  for (const [field, values] of Object.entries({ servers, searches, options })) {
    values.forEach((value, index) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused
      if (/[\u0000-\u001f\u007f]/.test(value)) {
        throw invalidArgument(`config.dns_config.${field}[${index}] ${quote(value)} holds a control character`);
      }
    });
  }
}
