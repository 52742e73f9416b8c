import { failedPrecondition } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type {
  ContainerRecord,
  ContainerVerdict,
  EngineObserver,
  SandboxRecord,
  SandboxVerdict,
} from "../ports/index.ts";
import { withExit, withoutStart, withStart } from "../state/facts.ts";
import { NewerRecord } from "../state/record-codec.ts";

const unfinished = "its create was interrupted and has not been reverted";

/**
 * Begins a new life with the records of the last one. Assumes that no other runtime uses this store, and that the
 * machine may have been rebooted meanwhile. A record that can't be read costs its own object only: the engine removes
 * what no record names, and the bytes stay for people to look at.
 */
export async function recover(core: Core, observer: EngineObserver): Promise<void> {
  await load(core);
  core.teller.remember();
  const { sandboxes, containers } = core;
  const verdicts = await core.engine.reconcile(
    {
      sandboxes: sandboxes.all().map((record) => ({ record, journal: sandboxes.journal(record.id) })),
      containers: containers.all().map((record) => ({ record, journal: containers.journal(record.id) })),
    },
    observer,
  );
  for (const { id } of containers.all()) await applyToContainer(core, id, verdicts.containers.get(id));
  for (const { id } of sandboxes.all()) await applyToSandbox(core, id, verdicts.sandboxes.get(id));
  await core.store.flush();
  core.log.info("records reconciled", { sandboxes: sandboxes.size, containers: containers.size });
}

async function load(core: Core): Promise<void> {
  for (const [key, bytes] of await core.store.load()) {
    const kind = key.split("/", 1)[0];
    const records = kind === "sandbox" ? core.sandboxes : kind === "container" ? core.containers : undefined;
    try {
      const error = records === undefined ? new Error("no such kind of record") : records.load(key, bytes);
      if (error !== undefined) core.log.error("record can't be read; its object is given up", { key, error });
    } catch (cause) {
      if (!(cause instanceof NewerRecord)) throw cause;
      throw failedPrecondition(`start: ${key} is a ${cause.message}`, {
        cause,
        hint: "run the newer runtime, or let it remove all pods first",
      });
    }
  }
}

async function applyToSandbox(core: Core, id: string, verdict: SandboxVerdict | undefined): Promise<void> {
  if (verdict?.kind === "reverted") return core.sandboxes.delete(id);
  await core.sandboxes.update(id, (old) => whole(judgeSandbox(old, verdict)));
}

function judgeSandbox(old: SandboxRecord, verdict: SandboxVerdict | undefined): SandboxRecord {
  switch (verdict?.kind) {
    case "lost":
      return old.lost === undefined && old.stoppedAtNs === undefined ? { ...old, lost: verdict.why } : old;
    case "left":
      return { ...old, failed: verdict.why };
    default:
      return old;
  }
}

async function applyToContainer(core: Core, id: string, verdict: ContainerVerdict | undefined): Promise<void> {
  if (verdict?.kind === "reverted") return core.containers.delete(id);
  await core.containers.update(id, (old) => whole(judgeContainer(old, verdict)));
}

function judgeContainer(old: ContainerRecord, verdict: ContainerVerdict | undefined): ContainerRecord {
  switch (verdict?.kind) {
    case "created":
      return withoutStart(old);
    case "running":
      return withStart(old, verdict.started);
    case "exited":
      return withExit(verdict.started === undefined ? old : withStart(old, verdict.started), verdict.exit);
    case "left":
      return { ...old, failed: verdict.why };
    default:
      return old;
  }
}

/** What was not finished and is still recorded is shown, so that a stop and a remove can finish it. */
function whole<R extends { readonly facts?: unknown; readonly failed?: string }>(record: R): R {
  return record.facts === undefined && record.failed === undefined ? { ...record, failed: unfinished } : record;
}
