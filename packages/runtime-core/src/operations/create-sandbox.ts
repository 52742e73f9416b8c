import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { createFailure, LeftBehind, type SandboxRecord, type Task } from "../ports/index.ts";
import { leavingSandbox } from "../state/facts.ts";
import { afterFailure } from "./after-failure.ts";
import { messageOf } from "./message-of.ts";

export interface SandboxWanted {
  readonly config: PodSandboxConfig;
  readonly runtimeHandler: string;
}

/**
 * Makes a sandbox under an ID. When it throws, nothing is left of it, or its record stays with `failed` set for a stop
 * and remove to finish.
 */
export async function createSandbox(core: Core, wanted: SandboxWanted, id: string, task: Task): Promise<void> {
  const record = await core.sandboxes.add({ ...wanted, id, createdAtNs: core.clock.now(), steps: [] });
  let made = false;
  try {
    const facts = await core.engine.sandboxes.create(record, core.sandboxes.journal(id), task);
    made = true;
    await core.sandboxes.update(id, (old) => ({ ...old, facts }));
    task.stage("waiting until the sandbox's record is on disk");
    await core.store.flush();
  } catch (error) {
    await afterFailure(core, "ending a create", id, async () => {
      if (made) await revertSandbox(core, id);
      else if (error instanceof LeftBehind) await fail(core, id, error);
      else await core.sandboxes.delete(id).catch(() => fail(core, id, error));
    });
    throw createFailure(error);
  }
}

/**
 * Gives back a sandbox that nobody knows of, with its record.
 * @throws what the engine threw; then the record stays, with `failed` set
 */
export async function revertSandbox(core: Core, id: string): Promise<void> {
  const record = core.sandboxes.get(id);
  if (record === undefined) return;
  const journal = core.sandboxes.journal(id);
  try {
    await core.sandboxes.update(id, (old) => leavingSandbox(old, "nobody has claimed it"));
    await core.engine.sandboxes.stop(record, journal);
    await core.engine.sandboxes.remove(core.sandboxes.get(id) ?? record, journal);
    await core.sandboxes.delete(id);
  } catch (error) {
    await fail(core, id, error);
    throw error;
  }
}

function fail(core: Core, id: string, error: unknown): Promise<SandboxRecord> {
  return core.sandboxes.update(id, (old) => ({ ...old, failed: messageOf(error) }));
}
