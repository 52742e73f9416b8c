import { CriError, isCriError } from "@keelson/cri-api/errors";
import type { Journal } from "./journal.ts";
import type { Json } from "./json.ts";
import type { StepRecord } from "./records.ts";
import type { Progress, Task } from "./task.ts";

/**
 * One effect on the world, its data, and its way back.
 *
 * Life: `plan` says what will be made, from the object's ID and configuration; the plan is committed; `apply` makes it
 * and returns facts; the facts are committed. A failed create, Stop, Remove and the next start of the runtime all run
 * the same `revert` over what is recorded, the last step first. `revert` is idempotent and copes with an effect that
 * was made, half made or not made at all (`facts` undefined).
 */
export interface Step<Subject, Tools, Plan extends Json = Json, Facts extends Json = Json> {
  readonly name: string;
  /** When the effect is given back: when the sandbox or container stops, or when it is removed. */
  readonly heldUntil: "stop" | "remove";
  /** The plan is flushed before `apply`: for effects that persist outside our record (CNI's address leases). */
  readonly durable?: boolean;
  /** Undefined: this object does not need the step. `earlier` are the facts of the steps before, by name. */
  plan(subject: Subject, tools: Tools, earlier: ReadonlyMap<string, Json>): Plan | undefined;
  apply(plan: Plan, tools: Tools, task: Task): Promise<Facts>;
  revert(plan: Plan, facts: Facts | undefined, tools: Tools, progress: Progress): Promise<void>;
}

/** A step of any plan and facts: what a list of steps holds. Make one with {@link step}. */
export interface AnyStep<Subject, Tools> extends Step<Subject, Tools, never, Json> {
  plan(subject: Subject, tools: Tools, earlier: ReadonlyMap<string, Json>): undefined;
}

/** Keeps a step's own types while it is written, and lets lists hold steps of different plans. */
export function step<Subject, Tools, Plan extends Json, Facts extends Json>(
  definition: Step<Subject, Tools, Plan, Facts>,
): AnyStep<Subject, Tools> {
  return definition as unknown as AnyStep<Subject, Tools>;
}

/** Thrown when a step failed and what was made could not be given back: the record has to stay. */
export class LeftBehind extends Error {
  /** What was left, a step's name and the reason each. */
  readonly left: readonly string[];

  constructor(left: readonly string[], cause: unknown) {
    super(`could not revert ${left.join("; ")}`, { cause });
    this.name = "LeftBehind";
    this.left = left;
  }
}

export interface ApplyOptions<Subject, Tools> {
  readonly steps: readonly AnyStep<Subject, Tools>[];
  readonly subject: Subject;
  readonly tools: Tools;
  readonly journal: Journal;
  readonly task: Task;
}

/**
 * Makes every step in order and returns their facts by name. When one fails, all recorded steps of the list are
 * reverted.
 * @throws the step's own error when everything was reverted; {@link LeftBehind}, with it as its cause, when not
 */
export async function applySteps<Subject, Tools>(
  options: ApplyOptions<Subject, Tools>,
): Promise<ReadonlyMap<string, Json>> {
  const { steps, subject, tools, journal, task } = options;
  const facts = new Map<string, Json>();
  try {
    for (const one of steps as readonly Step<Subject, Tools>[]) {
      task.signal.throwIfAborted();
      const plan = one.plan(subject, tools, facts);
      if (plan === undefined) continue;
      await journal.plan(one.name, plan);
      if (one.durable === true) await journal.flush();
      task.stage(`waiting for step "${one.name}"`);
      const made = await one.apply(plan, tools, task);
      await journal.facts(one.name, made);
      facts.set(one.name, made);
    }
    return facts;
  } catch (cause) {
    const left = await revertSteps({ steps, tools, journal, until: "remove", progress: task });
    if (left.length > 0) throw new LeftBehind(left, cause);
    throw cause;
  }
}

export interface RevertOptions<Subject, Tools> {
  readonly steps: readonly AnyStep<Subject, Tools>[];
  readonly tools: Tools;
  readonly journal: Journal;
  /** "stop" reverts only what is held until stop. */
  readonly until: "stop" | "remove";
  readonly progress?: Progress | undefined;
}

const untold: Progress = { stage: () => {} };

/**
 * Reverts what is recorded, the last step first, past failures. A step that was reverted is forgotten; one that was not
 * stays recorded for the next try.
 * @returns a sentence for each step that could not be reverted; empty when all is given back
 */
export async function revertSteps<Subject, Tools>(options: RevertOptions<Subject, Tools>): Promise<readonly string[]> {
  const { steps, tools, journal, until, progress = untold } = options;
  const byName = new Map((steps as readonly Step<Subject, Tools>[]).map((one) => [one.name, one]));
  const left: string[] = [];
  for (const recorded of journal.steps.toReversed()) {
    const one = byName.get(recorded.name);
    if (one === undefined || (until === "stop" && one.heldUntil !== "stop")) continue;
    try {
      progress.stage(`giving back step "${one.name}"`);
      await one.revert(recorded.plan, recorded.facts, tools, progress);
      await journal.forget(recorded.name);
    } catch (error) {
      left.push(`${recorded.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return left;
}

/** Facts of the recorded steps, by name; what has only a plan is not in it. */
export function recordedFacts(steps: readonly StepRecord[]): ReadonlyMap<string, Json> {
  return new Map(steps.flatMap((one) => (one.facts === undefined ? [] : [[one.name, one.facts]])));
}

/** Turns what `revertSteps` left into an error; nothing when it left nothing. */
export function failOnLeft(what: string, left: readonly string[]): void {
  if (left.length === 0) return;
  throw new CriError("INTERNAL", `${what}: could not revert ${left.join("; ")}`, {
    hint: "the same call tries again; see the runtime's log for the cause",
  });
}

/** The error that a caller sees for a failed create: a LeftBehind shows its cause and what was left. */
export function createFailure(error: unknown): unknown {
  if (!(error instanceof LeftBehind)) return error;
  const cause = error.cause;
  const code = isCriError(cause) ? cause.code : "INTERNAL";
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CriError(code, `${message}; ${error.message}`, { cause, hint: "stop and remove what is left" });
}
