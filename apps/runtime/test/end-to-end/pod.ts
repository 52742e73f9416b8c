// One pod of a case, with a name and a log folder of its own, and the questions that cases ask.
import { randomUUID } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type LogEntry, parseLogLine } from "@keelson/cri-api/logs";
import { ContainerState, type ContainerStatus, NamespaceMode } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import type { ContainerScript } from "@keelson/runtime-core/sim";
import type { Stage } from "./suite.ts";

export interface Pod {
  readonly id: string;
  readonly config: ReturnType<typeof sandboxConfig>;
  /** A container's configuration. */
  container(name: string, script?: ContainerScript): ReturnType<typeof containerConfig>;
  create(name: string, script?: ContainerScript): Promise<string>;
  run(name: string, script?: ContainerScript): Promise<string>;
  remove(): Promise<void>;
}

const labels = (name: string): Record<string, string> => ({ "end-to-end": name });

export function sandboxConfig(stage: Stage) {
  const uid = randomUUID();
  const name = stage.draw.name();
  return {
    metadata: { name, uid, namespace: "end-to-end", attempt: 0 },
    hostname: name,
    logDirectory: join(stage.folder(), uid),
    labels: labels(name),
    annotations: { note: stage.draw.text() },
    linux: {
      securityContext: {
        namespaceOptions: {
          network: NamespaceMode.POD,
          pid: NamespaceMode.CONTAINER,
          ipc: NamespaceMode.POD,
          usernsOptions: { mode: NamespaceMode.NODE },
        },
      },
    },
  };
}

export function containerConfig(stage: Stage, name: string, script: ContainerScript) {
  const { command, annotations } = stage.runtime().program(script);
  return {
    metadata: { name, attempt: 0 },
    image: { image: stage.image(), userSpecifiedImage: stage.image() },
    command: [...command],
    annotations: { ...annotations },
    labels: labels(name),
    logPath: `${name}/0.log`,
    linux: {
      securityContext: {
        namespaceOptions: { pid: NamespaceMode.CONTAINER, usernsOptions: { mode: NamespaceMode.NODE } },
      },
    },
  };
}

/** Runs a sandbox, on the stage's connection or another. */
export async function runPod(stage: Stage, on: CriConnection = stage.cri()): Promise<Pod> {
  const config = sandboxConfig(stage);
  await mkdir(config.logDirectory);
  const { podSandboxId } = await on.runtime.runPodSandbox({ config });
  const container = (name: string, script: ContainerScript = {}) => containerConfig(stage, name, script);
  const create = async (name: string, script?: ContainerScript): Promise<string> => {
    const request = { podSandboxId, config: container(name, script), sandboxConfig: config };
    return (await on.runtime.createContainer(request)).containerId;
  };
  return {
    id: podSandboxId,
    config,
    container,
    create,
    async run(name, script) {
      const containerId = await create(name, script);
      await on.runtime.startContainer({ containerId });
      return containerId;
    },
    async remove() {
      await on.runtime.stopPodSandbox({ podSandboxId });
      await on.runtime.removePodSandbox({ podSandboxId });
    },
  };
}

export async function statusOf(cri: CriConnection, containerId: string): Promise<ContainerStatus> {
  const { status } = await cri.runtime.containerStatus({ containerId });
  if (status === undefined) throw new Error(`no status of ${containerId}`);
  return status;
}

/** Asks until the container has ended, as a kubelet does. */
export async function untilExited(cri: CriConnection, containerId: string): Promise<ContainerStatus> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const status = await statusOf(cri, containerId);
    if (status.state === ContainerState.CONTAINER_EXITED) return status;
    if (Date.now() > deadline) throw new Error(`container ${containerId} still runs`);
    await delay(10);
  }
}

/** A log file's entries; fails for a line that is not in CRI's format. */
export async function readLog(path: string): Promise<readonly LogEntry[]> {
  const text = await readFile(path, "utf8");
  if (text !== "" && !text.endsWith("\n")) throw new Error(`the last line of ${path} has no end: ${text}`);
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => {
      const entry = parseLogLine(line);
      if (entry === undefined) throw new Error(`not a line of a CRI log: ${line}`);
      return entry;
    });
}

/** Asks until the log has a line with this text. */
export async function untilLogged(path: string, text: string): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!(await readLog(path)).some((entry) => entry.text === text)) {
    if (Date.now() > deadline) throw new Error(`${path} does not say ${text}`);
    await delay(10);
  }
}
