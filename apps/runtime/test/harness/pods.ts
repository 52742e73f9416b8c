// Pods and containers as a kubelet asks for them.
import { randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type ContainerConfig,
  ContainerConfigSchema,
  ContainerState,
  type ContainerStatus,
  type LinuxContainerResourcesSchema,
  type LinuxContainerSecurityContextSchema,
  NamespaceMode,
  type PodSandboxConfig,
  PodSandboxConfigSchema,
  SecurityProfile_ProfileType,
} from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";

/** The fields of a message, without the message itself, so that they can be spread. */
type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, { readonly $typeName: string }>;

export interface PodOptions {
  readonly name?: string;
  readonly logDirectory: string;
  readonly network?: NamespaceMode;
  readonly extra?: Fields<typeof PodSandboxConfigSchema>;
}

export function podConfig(options: PodOptions): PodSandboxConfig {
  const uid = randomUUID();
  const name = options.name ?? `pod-${uid.slice(0, 8)}`;
  return create(PodSandboxConfigSchema, {
    metadata: { name, uid, namespace: "test", attempt: 0 },
    hostname: options.network === NamespaceMode.NODE ? "" : name,
    logDirectory: options.logDirectory,
    labels: { "io.kubernetes.pod.uid": uid },
    linux: {
      cgroupParent: "",
      securityContext: {
        namespaceOptions: {
          network: options.network ?? NamespaceMode.POD,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
          usernsOptions: { mode: NamespaceMode.NODE },
        },
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
      },
    },
    ...options.extra,
  });
}

export interface ContainerOptions {
  readonly name?: string;
  readonly image: string;
  /** A busybox shell script. */
  readonly script?: string;
  readonly command?: readonly string[];
  readonly attempt?: number;
  readonly security?: Fields<typeof LinuxContainerSecurityContextSchema>;
  readonly resources?: Fields<typeof LinuxContainerResourcesSchema>;
  readonly extra?: Fields<typeof ContainerConfigSchema>;
}

export function containerConfig(options: ContainerOptions): ContainerConfig {
  const name = options.name ?? "main";
  return create(ContainerConfigSchema, {
    metadata: { name, attempt: options.attempt ?? 0 },
    image: { image: options.image, userSpecifiedImage: options.image },
    command: options.command === undefined ? ["sh", "-c", options.script ?? "exec sleep 3600"] : [...options.command],
    logPath: `${name}/${options.attempt ?? 0}.log`,
    linux: {
      resources: { cpuPeriod: 100_000n, cpuShares: 2n, oomScoreAdj: 1000n, ...options.resources },
      securityContext: {
        namespaceOptions: { pid: NamespaceMode.CONTAINER, usernsOptions: { mode: NamespaceMode.NODE } },
        seccomp: { profileType: SecurityProfile_ProfileType.RuntimeDefault },
        ...options.security,
      },
    },
    ...options.extra,
  });
}

/** Runs a sandbox and returns it with its configuration. */
export async function runPod(
  cri: CriConnection,
  options: PodOptions,
): Promise<{ readonly podSandboxId: string; readonly sandboxConfig: PodSandboxConfig }> {
  const sandboxConfig = podConfig(options);
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
  return { podSandboxId, sandboxConfig };
}

export type Pod = Awaited<ReturnType<typeof runPod>>;

/** Creates and starts a container. */
export async function startContainer(cri: CriConnection, pod: Pod, options: ContainerOptions): Promise<string> {
  const { containerId } = await cri.runtime.createContainer({ ...pod, config: containerConfig(options) });
  await cri.runtime.startContainer({ containerId });
  return containerId;
}

/** Waits until the container has ended. */
export async function exited(cri: CriConnection, containerId: string, withinMs = 20_000): Promise<ContainerStatus> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const { status } = await cri.runtime.containerStatus({ containerId });
    if (status?.state === ContainerState.CONTAINER_EXITED) return status;
    if (Date.now() > deadline) throw new Error(`container ${containerId} still runs after ${withinMs} ms`);
    await delay(20);
  }
}

let outcomes = 0;

/** Runs a script to its end and returns what it wrote to stdout and stderr, and its status. Nothing stays of it. */
export async function outcome(
  cri: CriConnection,
  pod: Pod,
  options: ContainerOptions,
): Promise<{ readonly status: ContainerStatus; readonly lines: readonly string[] }> {
  const containerId = await startContainer(cri, pod, { name: `outcome-${outcomes++}`, ...options });
  const status = await exited(cri, containerId);
  const lines = await logLines(status.logPath);
  await cri.runtime.removeContainer({ containerId });
  await rm(dirname(status.logPath), { recursive: true });
  return { status, lines };
}

/** The lines of a CRI log file; what was written in parts is one line. */
export async function logLines(file: string): Promise<readonly string[]> {
  const lines: string[] = [];
  const begun = new Map<string, string>();
  for (const line of (await readFile(file, "utf8")).split("\n").slice(0, -1)) {
    const [, stream = "", tag, ...words] = line.split(" ");
    const text = (begun.get(stream) ?? "") + words.join(" ");
    begun.delete(stream);
    if (tag === "P") begun.set(stream, text);
    else lines.push(text);
  }
  return [...lines, ...begun.values()];
}

export const logFolder = (folder: string): string => join(folder, "logs");
