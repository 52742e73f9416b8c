// Which fields may be ignored at all: Windows' own, deprecated ones, and those that only inform.
import type { file_runtime_v1_api } from "../packages/cri-api/src/gen/runtime/v1/api_pb.ts";

export type MessageDesc = (typeof file_runtime_v1_api.messages)[number];
export type FieldDesc = MessageDesc["fields"][number];

const ofInit =
  "about the sandbox's own process: the one that there may be is a program of ours, which has RuntimeDefault and no rights whatever is asked; containers bring their own";
const machineSize = "what a virtual machine is sized by; the kubelet has limited the pod's cgroup itself";

/** Fields that only inform, each with what makes it so: nothing that a pod asks for, or is shown, depends on them. */
export const informational: Readonly<Record<string, string>> = {
  "VersionRequest.version": "the kubelet's own version of its interface, which the protocol has runtimes ignore",
  "CreateContainerRequest.sandbox_config": "what RunPodSandbox got, sent again for runtimes that do not keep it",
  "ImageSpec.runtime_handler": "for runtimes whose handlers keep images apart",
  "PullImageRequest.sandbox_config": "for whom an image is pulled, which changes nothing in what is pulled",
  "UpdateContainerResourcesRequest.annotations": "for runtimes that know some; the kubelet sends none",
  "LinuxPodSandboxConfig.overhead": machineSize,
  "LinuxPodSandboxConfig.resources": machineSize,
  "LinuxSandboxSecurityContext.readonly_rootfs":
    "about the sandbox's own process, whose root is read-only where there is one, whatever is asked",
  "LinuxSandboxSecurityContext.supplemental_groups_policy":
    "about the sandbox's own process, which has no image whose groups could be merged",
  "LinuxSandboxSecurityContext.seccomp": ofInit,
  "LinuxSandboxSecurityContext.apparmor": ofInit,
  "Mount.selinux_relabel":
    "which label files get; a container that asks for a label is refused, so there is none to give",
};

/** Whether a field is one of nodes with Windows: part of such a message, or one itself. */
export function isWindows(message: MessageDesc, field: FieldDesc): boolean {
  return [message, field.message].some((one) => one?.name.startsWith("Windows") === true);
}

/** What lets a field be ignored; undefined: nothing does. */
export function whyIgnorable(message: MessageDesc, field: FieldDesc): string | undefined {
  if (isWindows(message, field)) return "Windows";
  if (field.deprecated) return "deprecated";
  return informational[`${message.name}.${field.name}`];
}
