import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  LinuxContainerSecurityContextSchema,
  LinuxSandboxSecurityContextSchema,
  NamespaceMode,
  type NamespaceOptionSchema,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
} from "@keelson/cri-api/v1";
import type { ContainerSpecInput, HostFacts } from "../../src/spec/index.ts";

export const allCapabilities: readonly string[] = [
  ..."CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE".split(" "),
  ..."NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT".split(" "),
  ..."SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE".split(" "),
  ..."AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ".split(" "),
  ..."PERFMON BPF CHECKPOINT_RESTORE".split(" "),
].map((name) => `CAP_${name}`);

/** A node as Kubernetes likes it: cgroup v2 with systemd, all controllers, seccomp, no other security module. */
export function hostFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return {
    architecture: "x64",
    kernel: [6, 12],
    cgroupVersion: 2,
    cgroupDriver: "systemd",
    controllers: new Set(["cpu", "cpuset", "memory", "pids", "hugetlb"]),
    swapAccounting: true,
    capabilities: new Set(allCapabilities),
    oomScoreAdj: 0,
    canLowerOomScoreAdj: true,
    seccomp: true,
    apparmor: undefined,
    selinux: false,
    recursiveReadOnlyMounts: true,
    targetPidNamespaces: false,
    hostname: "node-1",
    ...changes,
  };
}

/** cgroup v1 without hugetlb: the poorest host that is supported. */
export function poorFacts(changes: Partial<HostFacts> = {}): HostFacts {
  return hostFacts({
    cgroupVersion: 1,
    cgroupDriver: "cgroupfs",
    controllers: new Set(["cpu", "cpuset", "memory", "pids"]),
    canLowerOomScoreAdj: false,
    ...changes,
  });
}

/** What `create()` takes, but for finished messages. */
type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, Message>;
type SandboxContext = Init<typeof LinuxSandboxSecurityContextSchema>;
type ContainerContext = Init<typeof LinuxContainerSecurityContextSchema>;

/** The options that the kubelet sends with every ordinary pod. */
export const ordinaryNamespaces: Init<typeof NamespaceOptionSchema> = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.CONTAINER,
  ipc: NamespaceMode.POD,
  usernsOptions: { mode: NamespaceMode.NODE },
};

export function sandboxConfig(
  changes: Init<typeof PodSandboxConfigSchema> = {},
  context: SandboxContext = { namespaceOptions: ordinaryNamespaces },
): PodSandboxConfig {
  return create(PodSandboxConfigSchema, {
    metadata: { name: "web", uid: "u-1", namespace: "default" },
    hostname: "web-0",
    linux: { securityContext: create(LinuxSandboxSecurityContextSchema, context) },
    ...changes,
  });
}

export function containerConfig(
  changes: Init<typeof ContainerConfigSchema> = {},
  context: ContainerContext = { namespaceOptions: ordinaryNamespaces },
): ContainerConfig {
  return create(ContainerConfigSchema, {
    metadata: { name: "app" },
    image: { image: "registry.example/app:1" },
    command: ["/bin/app"],
    linux: { securityContext: create(LinuxContainerSecurityContextSchema, context) },
    ...changes,
  });
}

/** A container's configuration that differs from an ordinary one in its security context only. */
export function withContext(context: ContainerContext): ContainerConfig {
  return containerConfig({}, { namespaceOptions: ordinaryNamespaces, ...context });
}

export function specInput(changes: Partial<ContainerSpecInput> = {}): ContainerSpecInput {
  return {
    config: containerConfig(),
    sandbox: sandboxConfig(),
    image: {},
    facts: hostFacts(),
    user: { uid: 0, gid: 0, additionalGids: [0], home: "/root" },
    rootfs: "rootfs",
    cgroupsPath: "kubepods-pod1.slice:keelson:c1",
    pins: { network: "/run/ns/net", ipc: "/run/ns/ipc", uts: "/run/ns/uts" },
    files: { hostname: "/run/s1/hostname", resolvConf: "/run/s1/resolv.conf", shm: "/run/s1/shm" },
    mountSources: [],
    deviceSources: [],
    hostDevices: [],
    allowedAnnotations: [],
    ...changes,
  };
}
