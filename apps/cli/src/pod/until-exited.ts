import { setTimeout as delay } from "node:timers/promises";
import { isCriError } from "@keelson/cri-api/errors";
import { ContainerState, type ContainerStatus } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";

const intervalMs = 50;
/** How long a runtime may be away: containers outlive its restart. */
const patienceMs = 60_000;

/**
 * Waits until a container has ended, also past a restart of the runtime. Asks again and again: runtimes of every age
 * answer ContainerStatus.
 * @throws the signal's reason; NOT_FOUND when somebody has removed it; UNAVAILABLE when the runtime stays away for a minute
 */
export async function untilExited(
  cri: CriConnection,
  containerId: string,
  signal: AbortSignal,
): Promise<ContainerStatus> {
  let answeredAtMs = performance.now();
  for (;;) {
    try {
      const { status } = await cri.runtime.containerStatus({ containerId }, { signal });
      if (status?.state === ContainerState.CONTAINER_EXITED) return status;
      answeredAtMs = performance.now();
    } catch (error) {
      if (!isCriError(error, "UNAVAILABLE") || performance.now() - answeredAtMs > patienceMs) throw error;
    }
    await delay(intervalMs, undefined, { signal });
  }
}
