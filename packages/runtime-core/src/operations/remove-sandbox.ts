import type { Core } from "../core.ts";
import { type Work, waitFor } from "../joins/work.ts";
import { removeContainer } from "./remove-container.ts";
import { containersOf, inParallel, stopSandbox } from "./stop-sandbox.ts";
import { workKeys } from "./work-keys.ts";

/** Stops a sandbox, removes its containers, and gives everything of it back. Succeeds when it is gone. */
export function removeSandbox(core: Core, id: string): Work<void> {
  return core.works.run(workKeys.removeSandbox(id), `removing sandbox ${id}`, async (task) => {
    await waitFor(stopSandbox(core, id), task);
    await inParallel(containersOf(core, id), (container) => waitFor(removeContainer(core, container.id), task));
    const record = core.sandboxes.get(id);
    if (record === undefined) return;
    task.stage(`removing what sandbox ${id} holds`);
    await core.engine.sandboxes.remove(record, core.sandboxes.journal(id));
    await core.sandboxes.delete(id);
    task.stage("waiting until the removal is on disk");
    await core.store.flush();
  });
}
