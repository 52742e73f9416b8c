import { canceled } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { Work } from "../joins/work.ts";
import { leavingContainer } from "../state/facts.ts";
import { stopContainer } from "./stop-container.ts";
import { workKeys } from "./work-keys.ts";

/** Ends a container if it runs, and gives everything of it back. Succeeds when it is gone. */
export function removeContainer(core: Core, id: string): Work<void> {
  const key = workKeys.removeContainer(id);
  const of = `of container ${id}`;
  const start = { key, operation: "RemoveContainer", what: "waiting for the end", of } as const;
  return core.works.run(start, async (task) => {
    core.works.running(workKeys.startContainer(id))?.abort(canceled(`start container ${id}: it is being removed`));
    await stopContainer(core, id, 0, task);
    const record = core.containers.get(id);
    if (record === undefined) return;
    task.stage("recording that the removal has begun", of);
    await core.containers.update(id, (old) => leavingContainer(old, "its removal has begun"));
    task.stage("waiting until nothing else changes", `container ${id}`);
    await core.containerLock.run(id, async () => {
      task.stage("giving back what it holds", of);
      await core.engine.containers.remove(record, core.containers.journal(id), task);
      await core.containers.delete(id);
    });
    task.stage("waiting until the removal is on disk", of);
    await core.store.flush();
  });
}
