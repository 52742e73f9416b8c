// What is listed: pods with a container that runs, containers that were created and not started, pods that were stopped.
import { setTimeout as delay } from "node:timers/promises";
import { containerConfig, makePodFolder, sandboxConfig, startPod } from "../pod-sample.ts";
import type { Runtime } from "../runtimes.ts";
import type { Workbench } from "../workbench.ts";

/** So many are made at once. */
const lanes = 4;

/** @returns the IDs of the pods */
export async function startPods(runtime: Runtime, bench: Workbench, count: number): Promise<readonly string[]> {
  const ids: string[] = [];
  await inLanes(count, async () => {
    const request = {
      cri: runtime.cri,
      image: bench.small.reference,
      pods: bench.pods,
      cgroupParent: bench.cgroupParent,
    };
    ids.push((await startPod(request)).podSandboxId);
  });
  return ids;
}

/** Containers that are CREATED, spread over the pods. */
export async function createContainers(
  runtime: Runtime,
  bench: Workbench,
  podIds: readonly string[],
  count: number,
): Promise<void> {
  const { uid, folder } = await makePodFolder(bench.pods);
  await inLanes(count, async (index) => {
    const podSandboxId = podIds[index % podIds.length] ?? "";
    const name = `created-${index}`;
    await runtime.cri.runtime.createContainer({
      podSandboxId,
      config: containerConfig({ folder, uid, image: bench.small.reference, name }),
      sandboxConfig: sandboxConfig({ uid, logDirectory: folder, cgroupParent: bench.cgroupParent }),
    });
  });
}

/** Pods that are NOTREADY: in the host's network and stopped at once, so that they cost no CNI. */
export async function makeStoppedPods(runtime: Runtime, bench: Workbench, count: number): Promise<void> {
  await inLanes(count, async () => {
    const { uid, folder } = await makePodFolder(bench.pods);
    const { cgroupParent } = bench;
    const config = sandboxConfig({ uid, logDirectory: folder, cgroupParent, hostNetwork: true });
    const { podSandboxId } = await runtime.cri.runtime.runPodSandbox({ config });
    await runtime.cri.runtime.stopPodSandbox({ podSandboxId });
  });
}

/** Waits until all statistics are there: containerd gathers those of writable layers in the background. */
export async function untilMeasured(runtime: Runtime, count: number): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const { stats } = await runtime.cri.runtime.listContainerStats({});
    const whole = stats.filter(({ cpu, memory, writableLayer }) => cpu && memory && writableLayer).length;
    if (whole === count) return;
    if (Date.now() > deadline) throw new Error(`${runtime.name} measures ${whole} of ${count} containers`);
    await delay(100);
  }
}

async function inLanes(count: number, make: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await make(next++);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
