// Where a field has to be lost for the loss to be the runtime's.
import {
  AuthConfigSchema,
  ContainerConfigSchema,
  ImageService,
  ImageSpecSchema,
  PodSandboxConfigSchema,
  RuntimeService,
} from "@keelson/cri-api/v1";
import type { Field } from "../src/case.ts";
import { messagesIn } from "./drop-field.ts";

/**
 * `port`: between core and engine: the core has heard and recorded the whole request, and whoever only reads back what was
 * recorded does not notice. `request` and `answer`: between client and core.
 */
export type Place = "port" | "request" | "answer";

/** What stands in these reaches the engine as it came. */
const ofPorts = [PodSandboxConfigSchema, ContainerConfigSchema, ImageSpecSchema, AuthConfigSchema].map(messagesIn);
/** Streams are the engine's; which container or sandbox one is for, the core looks up. */
const streams = ["ExecRequest", "AttachRequest", "PortForwardRequest"];
const ids = ["container_id", "pod_sandbox_id"];

const methods = [...RuntimeService.methods, ...ImageService.methods];
const ofRequests = methods.map(({ input }) => messagesIn(input));

/** Read by the core alone, or by it before any engine is asked. */
const readByTheCore: ReadonlySet<string> = new Set([
  "PodSandboxConfig.metadata",
  "PodSandboxConfig.labels",
  "PodSandboxConfig.annotations",
  "PodSandboxConfig.log_directory",
  "ContainerConfig.metadata",
  "ContainerConfig.labels",
  "ContainerConfig.annotations",
  "ContainerConfig.image",
  "ContainerConfig.log_path",
  "ImageSpec.user_specified_image",
]);
const messagesOfTheCore = ["PodSandboxMetadata", "ContainerMetadata"];

/** Requests have it, too, and there it says nothing. */
const onlyAnswered: ReadonlySet<string> = new Set(["ImageSpec.annotations", "ImageSpec.image_ref"]);

export function placeOf(field: Field): Place {
  const [message = "", name = ""] = field.split(".");
  if (onlyAnswered.has(field)) return "answer";
  if (readByTheCore.has(field) || messagesOfTheCore.includes(message)) return "request";
  if (field === runtimeHandler || ofPorts.some((names) => names.has(message))) return "port";
  if (streams.includes(message)) return ids.includes(name) ? "request" : "port";
  return ofRequests.some((names) => names.has(message)) ? "request" : "answer";
}

/** The port has it beside the configuration. */
export const runtimeHandler: Field = "RunPodSandboxRequest.runtime_handler";
