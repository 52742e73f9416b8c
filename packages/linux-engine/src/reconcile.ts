import {
  type ContainerVerdict,
  type Found,
  type Journal,
  type Reconciled,
  revertSteps,
  type SandboxRecord,
  type SandboxVerdict,
} from "@keelson/runtime-core/ports";
import { adoptContainer } from "./container/adopt.ts";
import type { ContainerDeps } from "./container/container-tools.ts";
import { removeContainerLeftovers } from "./container/remove-leftovers.ts";
import type { RunningContainers } from "./container/running-containers.ts";
import type { EngineLog } from "./log.ts";
import { sandboxSteps } from "./sandbox/create.ts";
import { removeSandboxLeftovers } from "./sandbox/remove-leftovers.ts";
import type { SandboxDeps } from "./sandbox/sandbox-tools.ts";
import { whyNotWhole } from "./sandbox/why-not-whole.ts";

export interface ReconcileDeps {
  readonly containers: ContainerDeps;
  readonly sandboxes: SandboxDeps;
  readonly running: RunningContainers;
  readonly log: EngineLog;
}

/**
 * Compares the records of the last life with the machine. Containers first, because they use what sandboxes hold; then
 * sandboxes; then what no record names, in the same order. One object that can't be judged costs no other one.
 */
export async function reconcile(found: Found, deps: ReconcileDeps): Promise<Reconciled> {
  const containers = new Map<string, ContainerVerdict>();
  const sandboxes = new Map<string, SandboxVerdict>();
  for (const { record, journal } of found.containers) {
    const verdict = adoptContainer(record, journal, deps.containers, deps.running);
    containers.set(record.id, await orLeft(verdict, record.id, deps.log));
  }
  for (const { record, journal } of found.sandboxes) {
    sandboxes.set(record.id, await orLeft(judgeSandbox(record, journal, deps.sandboxes), record.id, deps.log));
  }
  report(await removeContainerLeftovers(kept(containers), deps.containers), deps.log);
  report(await removeSandboxLeftovers(kept(sandboxes), deps.sandboxes), deps.log);
  return { containers, sandboxes };
}

/** A record that is reverted may name less than was made: a loss of power takes the last of its steps. */
function kept(verdicts: ReadonlyMap<string, ContainerVerdict | SandboxVerdict>): ReadonlySet<string> {
  return new Set([...verdicts].flatMap(([id, { kind }]) => (kind === "reverted" ? [] : [id])));
}

async function orLeft<Verdict>(
  verdict: Promise<Verdict>,
  id: string,
  log: EngineLog,
): Promise<Verdict | { readonly kind: "left"; readonly why: string }> {
  try {
    return await verdict;
  } catch (error) {
    log.error("could not compare a record with the machine", { id, error });
    return { kind: "left", why: error instanceof Error ? error.message : String(error) };
  }
}

async function judgeSandbox(record: SandboxRecord, journal: Journal, deps: SandboxDeps): Promise<SandboxVerdict> {
  const revert = (until: "stop" | "remove"): Promise<readonly string[]> =>
    revertSteps({ steps: sandboxSteps, tools: { ...deps, journal }, journal, until });
  if (record.failed !== undefined) return { kind: "same" };
  if (record.facts === undefined) {
    const left = await revert("remove");
    return left.length === 0 ? { kind: "reverted" } : { kind: "left", why: left.join("; ") };
  }
  if (record.stoppedAtNs !== undefined || record.lost !== undefined) return { kind: "same" };
  const why = await whyNotWhole(record, deps.folders);
  if (why === undefined) return { kind: "same" };
  // Its addresses are still leased, as after a reboot: the network gets them back now, and what fails a stop tries again.
  const left = await revert("stop");
  return { kind: "lost", why: left.length === 0 ? why : `${why}; could not revert ${left.join("; ")}` };
}

function report(
  leftovers: { readonly removed: readonly string[]; readonly left: readonly string[] },
  log: EngineLog,
): void {
  if (leftovers.removed.length > 0) log.info("removed what no record names", { removed: leftovers.removed });
  if (leftovers.left.length > 0) log.warn("could not remove what no record names", { left: leftovers.left });
}
