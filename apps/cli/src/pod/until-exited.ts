import { setTimeout as delay } from "node:timers/promises";
import { ContainerState, type ContainerStatus } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";

/** Waits until a container has ended. Asks ten times a second: runtimes of every age answer ContainerStatus. */
export async function untilExited(
  cri: CriConnection,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerStatus> {
  for (;;) {
    const { status } = await cri.runtime.containerStatus({ containerId }, { signal });
    if (status?.state === ContainerState.CONTAINER_EXITED) return status;
    await delay(100, undefined, { signal });
  }
}
