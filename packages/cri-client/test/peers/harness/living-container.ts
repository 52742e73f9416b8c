// A container that is meant to outlive its runtime.
import { ContainerState } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { expect } from "vitest";
import { logLines, type Pod, startContainer } from "../../../../../apps/runtime/test/harness/pods.ts";
import { kubeletContainer, runKubeletPod } from "./kubelet-requests.ts";
import type { PeerNode } from "./peer-node.ts";
import { until } from "./until.ts";

export interface LivingContainer {
  readonly pod: Pod;
  readonly id: string;
  /** What must stay the same as long as it lives. */
  readonly facts: object;
  readonly logPath: string;
  /** Lines that must be in its log. */
  readonly lines: string[];
}

/** A container in a pod of its own, which sleeps. */
export async function startLivingContainer(cri: CriConnection, node: PeerNode, name: string): Promise<LivingContainer> {
  const pod = await runKubeletPod(cri, node);
  const id = await startContainer(cri, pod, await kubeletContainer(cri, node, { name, script: "exec sleep 3600" }));
  const { facts, logPath } = await readFacts(cri, id);
  return { pod, id, facts, logPath, lines: [] };
}

/** Expects that it runs on as the same process, that an exec works, and that what it writes is in its log. */
export async function expectAlive(cri: CriConnection, container: LivingContainer): Promise<void> {
  const { id, pod, lines, logPath } = container;
  expect((await cri.runtime.listPodSandbox({})).items).toContainEqual(
    expect.objectContaining({ id: pod.podSandboxId }),
  );
  expect((await readFacts(cri, id)).facts).toEqual(container.facts);
  const word = `line ${lines.length} by ${cri.version}`;
  const cmd = ["sh", "-c", `echo ${word} >/proc/1/fd/1; echo ${word} was written`];
  const { stdout, exitCode } = await cri.runtime.execSync({ containerId: id, cmd, timeout: 10n });
  expect([Buffer.from(stdout).toString(), exitCode]).toEqual([`${word} was written\n`, 0]);
  lines.push(word);
  await until(
    `${lines.length} lines are in the log`,
    10_000,
    async () => (await logLines(logPath)).length >= lines.length,
  );
  expect(await logLines(logPath)).toEqual(lines);
}

async function readFacts(cri: CriConnection, containerId: string): Promise<{ facts: object; logPath: string }> {
  const { status, info } = await cri.runtime.containerStatus({ containerId, verbose: true });
  const { pid } = JSON.parse(info.info ?? "{}") as { readonly pid?: number };
  expect(status?.state).toBe(ContainerState.CONTAINER_RUNNING);
  expect(pid).toBeGreaterThan(0);
  return { facts: { pid, startedAt: status?.startedAt }, logPath: status?.logPath ?? "" };
}
