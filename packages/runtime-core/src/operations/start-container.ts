import type { Core } from "../core.ts";
import type { Work } from "../joins/work.ts";
import { type ContainerRecord, createFailure, type SandboxRecord } from "../ports/index.ts";
import { withExit, withStart } from "../state/facts.ts";
import { afterFailure } from "./after-failure.ts";
import { messageOf } from "./message-of.ts";
import { workKeys } from "./work-keys.ts";

/** What containerd reports for a container that could not be run. */
const startErrorCode = 128;

/** Runs a created container. Who asks while it starts shares the start. */
export function startContainer(core: Core, container: ContainerRecord, sandbox: SandboxRecord): Work<void> {
  const { id } = container;
  const of = `container ${id}`;
  const what = "waiting until nothing else changes";
  const key = workKeys.startContainer(id);
  return core.works.run({ key, operation: "StartContainer", what, of }, async (task) => {
    let running = false;
    try {
      await core.containerLock.run(id, async () => {
        task.stage("beginning to start", of);
        const record = core.containers.get(id) ?? container;
        const started = await core.engine.containers.start(record, sandbox, core.containers.journal(id), task);
        running = true;
        await core.containers.update(id, (old) => withStart(old, started));
      });
      task.stage("waiting until the container's record is on disk");
      await core.store.flush();
    } catch (error) {
      await afterFailure(core, "ending a start", id, async () => {
        // what can't be recorded must not run
        if (running) await core.engine.containers.signal(container, "kill");
        // a start that the runtime's own end interrupted can be tried again
        if (!core.works.closing) await recordFailure(core, id, error);
      });
      throw createFailure(error);
    }
  });
}

async function recordFailure(core: Core, id: string, error: unknown): Promise<void> {
  const exit = {
    code: startErrorCode,
    finishedAtNs: core.clock.now(),
    reason: "StartError",
    message: messageOf(error),
  } as const;
  await core.containers.update(id, (old) => withExit(old, exit));
  await core.store.flush();
}
