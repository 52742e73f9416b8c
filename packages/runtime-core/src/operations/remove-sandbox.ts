import type { Core } from "../core.ts";
import { type Work, waitFor } from "../joins/work.ts";
import { removeContainer } from "./remove-container.ts";
import { containersOf, inParallel, stopSandbox } from "./stop-sandbox.ts";
import { workKeys } from "./work-keys.ts";

/** Stops a sandbox, removes its containers, and gives everything of it back. Succeeds when it is gone. */
export function removeSandbox(core: Core, id: string): Work<void> {
  const key = workKeys.removeSandbox(id);
  const of = `of sandbox ${id}`;
  const start = { key, operation: "RemovePodSandbox", what: "waiting until it is stopped", of } as const;
  return core.works.run(start, async (task) => {
    await waitFor(stopSandbox(core, id), task);
    task.stage("waiting until its containers are removed", of);
    await inParallel(containersOf(core, id), (container) => waitFor(removeContainer(core, container.id), task));
    const record = core.sandboxes.get(id);
    if (record === undefined) return;
    task.stage("giving back what it holds", of);
    await core.engine.sandboxes.remove(record, core.sandboxes.journal(id), task);
    await core.sandboxes.delete(id);
    task.stage("waiting until the removal is on disk", of);
    await core.store.flush();
  });
}
