import { canceled } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { Work } from "../joins/work.ts";
import { leavingContainer } from "../state/facts.ts";
import { stopContainer } from "./stop-container.ts";
import { workKeys } from "./work-keys.ts";

/** Ends a container if it runs, and gives everything of it back. Succeeds when it is gone. */
export function removeContainer(core: Core, id: string): Work<void> {
  return core.works.run(workKeys.removeContainer(id), `removing container ${id}`, async (task) => {
    core.works.running(workKeys.startContainer(id))?.abort(canceled(`start container ${id}: it is being removed`));
    await stopContainer(core, id, 0, task);
    const record = core.containers.get(id);
    if (record === undefined) return;
    task.stage(`removing what container ${id} holds`);
    await core.containers.update(id, (old) => leavingContainer(old, "its removal has begun"));
    await core.containerLock.run(id, async () => {
      await core.engine.containers.remove(record, core.containers.journal(id));
      await core.containers.delete(id);
    });
    task.stage("waiting until the removal is on disk");
    await core.store.flush();
  });
}
