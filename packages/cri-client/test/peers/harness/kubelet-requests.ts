// A pod and a container as a kubelet of today asks for them: also the fields that only newer runtimes know.
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  MountPropagation,
  type MountSchema,
  NamespaceMode,
  type PodSandboxConfig,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { type ContainerOptions, type Pod, podConfig } from "../../../../../apps/runtime/test/harness/pods.ts";
import type { PeerNode } from "./peer-node.ts";

/** In the network of the host. */
export function kubeletPod(node: PeerNode): PodSandboxConfig {
  const config = podConfig({ logDirectory: node.path("logs"), network: NamespaceMode.NODE });
  if (config.linux !== undefined) config.linux.cgroupParent = node.cgroupParent;
  return config;
}

export async function runKubeletPod(cri: CriConnection, node: PeerNode): Promise<Pod> {
  const sandboxConfig = kubeletPod(node);
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
  return { podSandboxId, sandboxConfig };
}

type MountInit = Exclude<MessageInitShape<typeof MountSchema>, { readonly $typeName: string }>;

export interface KubeletContainer {
  readonly name: string;
  readonly script: string;
  /** Further volumes. */
  readonly mounts?: readonly MountInit[];
}

/** Pulls the image, makes the files that a kubelet mounts, and returns what `startContainer` and `outcome` take. */
export async function kubeletContainer(
  cri: CriConnection,
  node: PeerNode,
  { name, script, mounts = [] }: KubeletContainer,
): Promise<ContainerOptions> {
  const { imageRef } = await cri.images.pullImage({ image: { image: node.images.busybox } });
  const hosts = await node.file(`${name}-hosts`, "127.0.0.1 localhost\n");
  const terminationLog = await node.file(`${name}-termination-log`, "");
  const token = await node.file(`${name}-token`, "a token\n");
  return {
    name,
    image: imageRef,
    script,
    security: {
      namespaceOptions: {
        network: NamespaceMode.NODE,
        pid: NamespaceMode.CONTAINER,
        usernsOptions: { mode: NamespaceMode.NODE },
      },
      runAsUser: { value: 0n },
      supplementalGroups: [1234n],
      noNewPrivs: true,
      maskedPaths: ["/proc/kcore", "/proc/timer_list"],
      readonlyPaths: ["/proc/sys", "/proc/sysrq-trigger"],
      seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
    },
    resources: { memoryLimitInBytes: 64n * 1024n * 1024n },
    extra: {
      image: { image: imageRef, userSpecifiedImage: node.images.busybox },
      envs: [{ key: "GREETING", value: Buffer.from("hello") }],
      labels: { "io.kubernetes.container.name": name },
      annotations: { "io.kubernetes.container.restartCount": "0" },
      mounts: [
        { hostPath: hosts, containerPath: "/etc/hosts", propagation: MountPropagation.PROPAGATION_PRIVATE },
        { hostPath: terminationLog, containerPath: "/dev/termination-log" },
        { hostPath: token, containerPath: "/var/run/secrets/token", readonly: true },
        ...mounts,
      ],
    },
  };
}
