// One pod from its start to its removal, as a kubelet asks for it, with the time of each call.
import { randomUUID } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { maskedPaths, readonlyPaths } from "../apps/cli/src/pod/default-paths.ts";
import { NamespaceMode, SecurityProfile_ProfileType } from "../packages/cri-api/src/gen/runtime/v1/api_pb.ts";
import type { CriConnection } from "../packages/cri-client/src/index.ts";

type Request<Name extends "createContainer" | "runPodSandbox"> = Parameters<CriConnection["runtime"][Name]>[0];
export type SandboxConfig = NonNullable<Request<"runPodSandbox">["config"]>;
export type ContainerConfig = NonNullable<Request<"createContainer">["config"]>;

export const podOperations = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "StopContainer",
  "RemoveContainer",
  "StopPodSandbox",
  "RemovePodSandbox",
] as const;

export type PodOperation = (typeof podOperations)[number];
export type PodTimes = Readonly<Record<PodOperation, number>>;

export interface PodRequest {
  readonly cri: CriConnection;
  readonly image: string;
  /** For the folder of what a kubelet keeps of this pod. */
  readonly pods: string;
  readonly cgroupParent: string;
}

export interface StartedPod {
  readonly podSandboxId: string;
  readonly containerId: string;
  readonly logFile: string;
  /** When the first call was made, in milliseconds since 1970. */
  readonly beganMs: number;
  readonly times: Pick<PodTimes, "RunPodSandbox" | "CreateContainer" | "StartContainer">;
}

const namespaces = {
  network: NamespaceMode.POD,
  pid: NamespaceMode.CONTAINER,
  ipc: NamespaceMode.POD,
  usernsOptions: { mode: NamespaceMode.NODE },
};
const runtimeDefault = { profileType: SecurityProfile_ProfileType.RuntimeDefault };
/** Says that it runs, and ends at once when it is asked to. */
const program = ["sh", "-c", "trap 'exit 0' TERM; echo ready; sleep 3600 & wait"];
const readyMs = 20_000;

/** The milliseconds that a call took, and its answer. */
export async function timed<Answer>(call: () => Promise<Answer>): Promise<readonly [number, Answer]> {
  const began = performance.now();
  const answer = await call();
  return [performance.now() - began, answer];
}

/** What a kubelet keeps of a pod that begins, under the pod's new uid. @param pods the folder of all pods */
export async function makePodFolder(pods: string): Promise<{ readonly uid: string; readonly folder: string }> {
  const uid = randomUUID();
  const folder = join(pods, uid);
  await mkdir(join(folder, "logs", "main"), { recursive: true });
  for (const file of ["etc-hosts", "termination-log"]) await writeFile(join(folder, file), "");
  return { uid, folder };
}

/** RunPodSandbox, CreateContainer and StartContainer. */
export async function startPod(request: PodRequest): Promise<StartedPod> {
  const { cri, image } = request;
  const { uid, folder } = await makePodFolder(request.pods);
  const sandbox = sandboxConfig({ uid, logDirectory: join(folder, "logs"), cgroupParent: request.cgroupParent });
  const config = containerConfig({ folder, uid, image });
  const beganMs = Date.now();
  const [run, { podSandboxId }] = await timed(() => cri.runtime.runPodSandbox({ config: sandbox }));
  const [create, { containerId }] = await timed(() =>
    cri.runtime.createContainer({ podSandboxId, config, sandboxConfig: sandbox }),
  );
  const [start] = await timed(() => cri.runtime.startContainer({ containerId }));
  return {
    podSandboxId,
    containerId,
    logFile: join(folder, "logs", "main", "0.log"),
    beganMs,
    times: { RunPodSandbox: run, CreateContainer: create, StartContainer: start },
  };
}

/** A whole life. Stops the container only when it has said that it runs. */
export async function podSample(request: PodRequest): Promise<PodTimes> {
  const { cri } = request;
  const { podSandboxId, containerId, logFile, times } = await startPod(request);
  await untilReady(logFile);
  const [stop] = await timed(() => cri.runtime.stopContainer({ containerId, timeout: 30n }));
  const { status } = await cri.runtime.containerStatus({ containerId });
  if (status?.exitCode !== 0) throw new Error(`container ${containerId} ended with ${status?.exitCode}, want 0`);
  const [remove] = await timed(() => cri.runtime.removeContainer({ containerId }));
  const [stopPod] = await timed(() => cri.runtime.stopPodSandbox({ podSandboxId }));
  const [removePod] = await timed(() => cri.runtime.removePodSandbox({ podSandboxId }));
  return {
    ...times,
    StopContainer: stop,
    RemoveContainer: remove,
    StopPodSandbox: stopPod,
    RemovePodSandbox: removePod,
  };
}

async function untilReady(logFile: string): Promise<void> {
  const deadline = Date.now() + readyMs;
  while (!(await readFile(logFile, "utf8")).includes("ready")) {
    if (Date.now() > deadline) throw new Error(`no "ready" in the container's log after ${readyMs} ms`);
    await delay(2);
  }
}

const podName = (uid: string): string => `bench-${uid.slice(0, 8)}`;

function podLabels(uid: string): Record<string, string> {
  return {
    "io.kubernetes.pod.name": podName(uid),
    "io.kubernetes.pod.namespace": "bench",
    "io.kubernetes.pod.uid": uid,
  };
}

/** @param pod hostNetwork: what costs no CNI */
export function sandboxConfig(pod: {
  uid: string;
  logDirectory: string;
  cgroupParent: string;
  hostNetwork?: boolean;
}): SandboxConfig {
  const name = podName(pod.uid);
  const network = pod.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD;
  return {
    metadata: { name, uid: pod.uid, namespace: "bench", attempt: 0 },
    ...(pod.hostNetwork === true ? {} : { hostname: name }),
    logDirectory: pod.logDirectory,
    dnsConfig: { servers: ["10.96.0.10"], searches: ["bench.svc.cluster.local"], options: ["ndots:5"] },
    labels: podLabels(pod.uid),
    annotations: {
      "kubernetes.io/config.seen": "2026-01-01T00:00:00.000000000Z",
      "kubernetes.io/config.source": "api",
    },
    linux: {
      cgroupParent: pod.cgroupParent,
      securityContext: { namespaceOptions: { ...namespaces, network }, seccomp: runtimeDefault },
    },
  };
}

export function containerConfig(pod: { folder: string; uid: string; image: string; name?: string }): ContainerConfig {
  const name = pod.name ?? "main";
  return {
    metadata: { name, attempt: 0 },
    image: { image: pod.image, userSpecifiedImage: pod.image },
    command: program,
    envs: [{ key: "KUBERNETES_SERVICE_HOST", value: new TextEncoder().encode("10.96.0.1") }],
    mounts: [
      { containerPath: "/etc/hosts", hostPath: join(pod.folder, "etc-hosts") },
      { containerPath: "/dev/termination-log", hostPath: join(pod.folder, "termination-log") },
    ],
    labels: { ...podLabels(pod.uid), "io.kubernetes.container.name": name },
    annotations: {
      "io.kubernetes.container.hash": "5f3a1c2e",
      "io.kubernetes.container.restartCount": "0",
      "io.kubernetes.container.terminationMessagePath": "/dev/termination-log",
      "io.kubernetes.container.terminationMessagePolicy": "File",
      "io.kubernetes.pod.terminationGracePeriod": "30",
    },
    logPath: `${name}/0.log`,
    linux: {
      resources: { cpuPeriod: 100_000n, cpuShares: 2n, oomScoreAdj: 1000n },
      securityContext: {
        namespaceOptions: namespaces,
        seccomp: runtimeDefault,
        maskedPaths: [...maskedPaths()],
        readonlyPaths: [...readonlyPaths],
      },
    },
  };
}
