import {
  type ContainerConfig,
  ContainerConfigSchema,
  type LinuxContainerConfig,
  LinuxContainerConfigSchema,
  type LinuxPodSandboxConfig,
  LinuxPodSandboxConfigSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import { hostNamespaces } from "../namespaces.ts";
import { refuseSysctls } from "../sysctls.ts";
import { honoured, ignored, type RuleTable, refused, refusedByCall, ruleTable } from "./rule.ts";

const record = "the record, as a status shows them; nothing is steered by them";
const windows = "for nodes with Windows";
const podSize = "the limits of the pod's cgroup are set by the kubelet, on cgroup_parent";

export const configRules: readonly RuleTable[] = [
  ruleTable<ContainerConfig>(ContainerConfigSchema, {
    metadata: honoured("the core: identity"),
    image: honoured("the image engine"),
    command: honoured("process.ts"),
    args: honoured("process.ts"),
    workingDir: honoured("process.ts"),
    envs: honoured("environment.ts"),
    mounts: honoured("Mount"),
    devices: honoured("Device"),
    labels: honoured(record),
    annotations: honoured("the record; annotations.ts hands those that the operator lists to the OCI runtime"),
    logPath: honoured("the container engine"),
    stdin: honoured("the container engine"),
    stdinOnce: refusedByCall("Attach", "says when Attach closes standard input"),
    tty: honoured("build-container-spec.ts, and the container engine"),
    linux: honoured("LinuxContainerConfig"),
    windows: ignored(windows),
    CDIDevices: refused("any device", (list) => (list.length === 0 ? undefined : "CDI devices are not kept yet")),
    stopSignal: honoured("stop-signal.ts"),
  }),
  ruleTable<LinuxContainerConfig>(LinuxContainerConfigSchema, {
    resources: honoured("LinuxContainerResources"),
    securityContext: honoured("LinuxContainerSecurityContext"),
  }),
  ruleTable<PodSandboxConfig>(PodSandboxConfigSchema, {
    metadata: honoured("the core: identity"),
    hostname: honoured("the sandbox engine; environment.ts"),
    logDirectory: honoured("the container engine"),
    dnsConfig: honoured("the sandbox engine"),
    portMappings: honoured("the network"),
    labels: honoured(record),
    annotations: honoured("the record; annotations.ts hands those that the operator lists to the OCI runtime"),
    linux: honoured("LinuxPodSandboxConfig"),
    windows: ignored(windows),
  }),
  ruleTable<LinuxPodSandboxConfig>(LinuxPodSandboxConfigSchema, {
    cgroupParent: honoured("cgroups-path.ts"),
    securityContext: honoured("LinuxSandboxSecurityContext"),
    sysctls: honoured(
      "sysctls.ts; those of the machine, or of a namespace that is the host's, are refused",
      (map, at) => refuseSysctls(map, hostNamespaces(at.sandbox)),
    ),
    overhead: ignored(podSize),
    resources: ignored(podSize),
  }),
];
