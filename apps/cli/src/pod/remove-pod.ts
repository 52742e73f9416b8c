import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { CriConnection } from "@keelson/cri-client";

const timeoutMs = 60_000;

/**
 * Ends a pod's containers at once and removes it.
 * @throws what the runtime answered, with how to try again as its hint
 */
export async function removePod(cri: CriConnection, podSandboxId: string): Promise<void> {
  try {
    await cri.runtime.stopPodSandbox({ podSandboxId }, { timeoutMs });
    await cri.runtime.removePodSandbox({ podSandboxId }, { timeoutMs });
  } catch (cause) {
    const code = isCriError(cause) ? cause.code : "UNKNOWN";
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new CriError(code, `remove pod ${podSandboxId}: ${message}`, {
      cause,
      hint: `the pod is still there: keelson rm ${podSandboxId} tries again`,
    });
  }
}
