import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { Work } from "../joins/work.ts";
import type { ContainerRecord } from "../ports/index.ts";
import { leavingSandbox } from "../state/facts.ts";
import { stopContainer } from "./stop-container.ts";
import { workKeys } from "./work-keys.ts";

/** Ends every container of a sandbox at once and gives its network and namespaces back. Idempotent. */
export function stopSandbox(core: Core, id: string): Work<void> {
  const key = workKeys.stopSandbox(id);
  const of = `of sandbox ${id}`;
  const what = "waiting until creates of its containers have ended";
  return core.works.run({ key, operation: "StopPodSandbox", what, of }, async (task) => {
    const reason = failedPrecondition(`sandbox ${id} is being stopped`);
    await core.containerJoins.discard(id, reason);
    task.stage("waiting until its containers have ended", of);
    await inParallel(containersOf(core, id), async (container) => {
      core.works.running(workKeys.startContainer(container.id))?.abort(reason);
      await stopContainer(core, container.id, 0, task);
    });
    const record = core.sandboxes.get(id);
    if (record === undefined) return;
    if (record.stoppedAtNs === undefined) {
      task.stage("giving back its network and namespaces", of);
      await core.sandboxes.update(id, (old) => leavingSandbox(old, "its stop has begun"));
      await core.engine.sandboxes.stop(record, core.sandboxes.journal(id), task);
      await core.sandboxes.update(id, (old) => ({ ...old, stoppedAtNs: core.clock.now() }));
    }
    task.stage("waiting until the stop is on disk", of);
    await core.store.flush();
  });
}

/** Every container that has a record in this sandbox. */
export function containersOf(core: Core, sandboxId: string): readonly ContainerRecord[] {
  return core.containers.all().filter((container) => container.sandboxId === sandboxId);
}

/** Does something for all of them, past failures, and throws the first failure at the end. */
export async function inParallel<T>(all: readonly T[], run: (one: T) => Promise<void>): Promise<void> {
  const results = await Promise.allSettled(all.map(run));
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
