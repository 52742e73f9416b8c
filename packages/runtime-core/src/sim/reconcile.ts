import type {
  AnyStep,
  ContainerExit,
  ContainerRecord,
  ContainerVerdict,
  Found,
  Journal,
  Reconciled,
  SandboxRecord,
  SandboxVerdict,
} from "../ports/index.ts";
import { revertSteps } from "../ports/index.ts";
import { type ContainerTools, containerSteps, recordedStart, startSteps } from "./container-steps.ts";
import { type SandboxTools, sandboxSteps } from "./sandbox-steps.ts";
import type { Life } from "./world.ts";

export interface ReconcileTools {
  readonly life: Life;
  readonly sandbox: SandboxTools;
  readonly container: ContainerTools;
}

/**
 * Compares the records of the last life with the simulated machine. It assumes that the machine is told the truth by
 * nobody: a record says only what was perhaps made, the machine what is there.
 */
export async function reconcile(found: Found, tools: ReconcileTools): Promise<Reconciled> {
  const containers = new Map<string, ContainerVerdict>();
  const sandboxes = new Map<string, SandboxVerdict>();
  // containers first: they stand in sandboxes
  for (const { record, journal } of found.containers) {
    containers.set(record.id, await judgeContainer(record, journal, tools));
  }
  for (const { record, journal } of found.sandboxes) {
    sandboxes.set(record.id, await judgeSandbox(record, journal, tools));
  }
  removeOrphans({ containers, sandboxes }, tools.life);
  return { sandboxes, containers };
}

/** What has run since its start and may have ended meanwhile. */
function presentState(record: ContainerRecord, life: Life, nowNs: bigint): ContainerVerdict {
  const started = record.started ?? recordedStart(record.steps);
  if (record.exit !== undefined || record.failed !== undefined || started === undefined) return { kind: "same" };
  const process = life.process(record.id);
  if (process === undefined) return { kind: "exited", exit: unknownExit(nowNs), started };
  return process.exit === undefined ? { kind: "running", started } : { kind: "exited", exit: process.exit, started };
}

async function judgeContainer(
  record: ContainerRecord,
  journal: Journal,
  tools: ReconcileTools,
): Promise<ContainerVerdict> {
  if (record.failed !== undefined) return { kind: "same" };
  if (record.facts === undefined) return await reverted(containerSteps, tools.container, journal);
  const begun = journal.steps.some((one) => startSteps.some((step) => step.name === one.name));
  if (
    begun &&
    record.started === undefined &&
    record.exit === undefined &&
    recordedStart(journal.steps) === undefined
  ) {
    const left = await revertSteps({ steps: startSteps, tools: tools.container, journal, until: "remove" });
    return left.length === 0 ? { kind: "created" } : { kind: "left", why: left.join("; ") };
  }
  return presentState(record, tools.life, tools.container.clock.now());
}

async function judgeSandbox(record: SandboxRecord, journal: Journal, tools: ReconcileTools): Promise<SandboxVerdict> {
  if (record.failed !== undefined) return { kind: "same" };
  if (record.facts === undefined) return await reverted(sandboxSteps, tools.sandbox, journal);
  if (record.stoppedAtNs !== undefined || record.lost !== undefined) return { kind: "same" };
  if (tools.life.held("namespaces", record.id) !== undefined) return { kind: "same" };
  // its address is still leased, as after a reboot
  const left = await revertSteps({ steps: sandboxSteps, tools: tools.sandbox, journal, until: "stop" });
  const why = "its namespaces are gone";
  return { kind: "lost", why: left.length === 0 ? why : `${why}; could not revert ${left.join("; ")}` };
}

async function reverted<Subject, Tools>(
  steps: readonly AnyStep<Subject, Tools>[],
  tools: Tools,
  journal: Journal,
): Promise<{ readonly kind: "reverted" } | { readonly kind: "left"; readonly why: string }> {
  const left = await revertSteps({ steps, tools, journal, until: "remove" });
  return left.length === 0 ? { kind: "reverted" } : { kind: "left", why: left.join("; ") };
}

/** What was reverted is known no more: after a loss of power its record may say less than was made. */
function removeOrphans({ sandboxes, containers }: Reconciled, life: Life): void {
  const verdicts = [...sandboxes, ...containers];
  const known = new Set(verdicts.flatMap(([id, { kind }]) => (kind === "reverted" ? [] : [id])));
  for (const owner of life.owners()) {
    if (!known.has(owner)) life.clear(owner);
  }
}

function unknownExit(nowNs: bigint): ContainerExit {
  return {
    code: 255,
    finishedAtNs: nowNs,
    reason: "Unknown",
    message: "it ended while no runtime watched, and nobody noted how",
  };
}
