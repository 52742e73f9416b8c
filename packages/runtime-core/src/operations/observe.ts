import { isCriError } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { EngineObserver } from "../ports/index.ts";
import { withExit } from "../state/facts.ts";
import { isReady } from "../state/states.ts";
import { workKeys } from "./work-keys.ts";

const firstRetryMs = 1000;
const longestRetryMs = 30_000;

/**
 * What the engine tells, recorded durably. It tells an end once, so a record that can't be written (the disk is full) is
 * tried again until it is. What it tells of an object that is gone is no news.
 */
export function observe(core: Core): EngineObserver {
  return {
    async containerExited(id, exit) {
      core.log.info("container ended", { id, code: exit.code, reason: exit.reason });
      await startRecorded(core, id);
      await insist(core, "end of a container", id, () => core.containers.update(id, (old) => withExit(old, exit)));
    },
    async sandboxLost(id, why) {
      core.log.warn("sandbox is no longer whole", { id, why });
      await insist(core, "loss of a sandbox", id, () =>
        core.sandboxes.update(id, (old) => (isReady(old) ? { ...old, lost: why } : old)),
      );
    },
  };
}

/** An end may be told before the start that it follows is recorded, and nobody is to see an end without a start. */
async function startRecorded(core: Core, id: string): Promise<void> {
  if (core.containers.get(id)?.started !== undefined) return;
  await core.works.running(workKeys.startContainer(id))?.promise.catch(() => undefined);
}

async function insist(core: Core, what: string, id: string, record: () => Promise<unknown>): Promise<void> {
  for (let retryMs = firstRetryMs; ; retryMs = Math.min(retryMs * 2, longestRetryMs)) {
    try {
      await record();
      await core.store.flush();
      return;
    } catch (error) {
      if (isCriError(error, "NOT_FOUND")) return;
      if (core.phase === "closed") throw error;
      core.log.error(`${what} could not be recorded; it is tried again`, { id, error, retryMs });
      await new Promise<void>((resolve) => core.clock.after(retryMs, resolve));
    }
  }
}
