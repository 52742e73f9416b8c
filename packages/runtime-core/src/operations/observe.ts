import { isCriError } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { EngineObserver } from "../ports/index.ts";
import { withExit } from "../state/facts.ts";
import { isReady } from "../state/states.ts";

/** What the engine tells, recorded durably. What it tells of an object that is gone is no news. */
export function observe(core: Core): EngineObserver {
  return {
    async containerExited(id, exit) {
      core.log.info("container ended", { id, code: exit.code, reason: exit.reason });
      await unlessGone(core.containers.update(id, (old) => withExit(old, exit)));
      await core.store.flush();
    },
    async sandboxLost(id, why) {
      core.log.warn("sandbox is no longer whole", { id, why });
      await unlessGone(core.sandboxes.update(id, (old) => (isReady(old) ? { ...old, lost: why } : old)));
      await core.store.flush();
    },
  };
}

async function unlessGone(change: Promise<unknown>): Promise<void> {
  try {
    await change;
  } catch (error) {
    if (!isCriError(error, "NOT_FOUND")) throw error;
  }
}
