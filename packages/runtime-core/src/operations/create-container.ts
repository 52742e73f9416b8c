import { create } from "@bufbuild/protobuf";
import { failedPrecondition } from "@keelson/cri-api/errors";
import type { ContainerConfig } from "@keelson/cri-api/v1";
import { ImageSpecSchema } from "@keelson/cri-api/v1";
import type { Core } from "../core.ts";
import { type ContainerRecord, createFailure, LeftBehind, type SandboxRecord, type Task } from "../ports/index.ts";
import { leavingContainer } from "../state/facts.ts";
import { isReady, sandboxStateName } from "../state/states.ts";
import { afterFailure } from "./after-failure.ts";
import { messageOf } from "./message-of.ts";
import { isLeaving } from "./work-keys.ts";

export interface ContainerWanted {
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly logPath: string;
}

/**
 * The sandbox in which something may begin now.
 * @throws FAILED_PRECONDITION naming its state
 */
export function openSandbox(core: Core, sandboxId: string, what: string): SandboxRecord {
  const record = core.sandboxes.get(sandboxId);
  if (record === undefined) throw failedPrecondition(`${what}: sandbox ${sandboxId} is gone`);
  if (isLeaving(core.works, sandboxId)) throw failedPrecondition(`${what}: sandbox ${sandboxId} is being stopped`);
  if (!isReady(record)) {
    throw failedPrecondition(`${what}: sandbox ${sandboxId} is ${sandboxStateName(record)}, want READY`, {
      hint: "run a new sandbox",
    });
  }
  return record;
}

/**
 * Makes a container under an ID. When it throws, nothing is left of it, or its record stays with `failed` set for a
 * remove to finish.
 */
export async function createContainer(core: Core, wanted: ContainerWanted, id: string, task: Task): Promise<void> {
  task.stage("looking for its image");
  const image = await core.engine.images.resolve(wanted.config.image ?? create(ImageSpecSchema));
  task.signal.throwIfAborted();
  const sandbox = openSandbox(core, wanted.sandboxId, "create container");
  const record = await core.containers.add({ ...wanted, id, image, createdAtNs: core.clock.now(), steps: [] });
  let made = false;
  try {
    const facts = await core.engine.containers.create(record, sandbox, core.containers.journal(id), task);
    made = true;
    await core.containers.update(id, (old) => ({ ...old, facts }));
    task.stage("waiting until the container's record is on disk");
    await core.store.flush();
  } catch (error) {
    await afterFailure(core, "ending a create", id, async () => {
      if (made) await revertContainer(core, id);
      else if (error instanceof LeftBehind) await fail(core, id, error);
      else await core.containers.delete(id).catch(() => fail(core, id, error));
    });
    throw createFailure(error);
  }
}

/**
 * Gives back a container that nobody knows of, with its record.
 * @throws what the engine threw; then the record stays, with `failed` set
 */
export async function revertContainer(core: Core, id: string): Promise<void> {
  const record = core.containers.get(id);
  if (record === undefined) return;
  try {
    await core.containers.update(id, (old) => leavingContainer(old, "nobody has claimed it"));
    await core.engine.containers.remove(record, core.containers.journal(id));
    await core.containers.delete(id);
  } catch (error) {
    await fail(core, id, error);
    throw error;
  }
}

function fail(core: Core, id: string, error: unknown): Promise<ContainerRecord> {
  return core.containers.update(id, (old) => ({ ...old, failed: messageOf(error) }));
}
