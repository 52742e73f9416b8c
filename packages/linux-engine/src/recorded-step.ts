import type { StepRecord } from "@keelson/runtime-core/ports";

/** What a record says of a step. */
export interface RecordedStep<Plan, Facts> {
  readonly plan: Plan;
  /** Undefined: perhaps applied, perhaps not. */
  readonly facts: Facts | undefined;
}

/** What is recorded of a step, as its own types; undefined before it and after its revert. */
export function recordedStep<Plan, Facts>(
  steps: readonly StepRecord[],
  name: string,
): RecordedStep<Plan, Facts> | undefined {
  const found = steps.find((one) => one.name === name);
  return found && { plan: found.plan as Plan, facts: found.facts as Facts | undefined };
}
