import type { StepRecord } from "@keelson/runtime-core/ports";
import { type RunMonitorFacts, type RunMonitorPlan, runMonitorName } from "./steps/run-monitor.ts";
import { type WriteBundleFacts, type WriteBundlePlan, writeBundleName } from "./steps/write-bundle.ts";

interface Recorded<Plan, Facts> {
  readonly plan: Plan;
  /** Undefined: perhaps applied, perhaps not. */
  readonly facts: Facts | undefined;
}

/** What is recorded of the bundle; undefined before its step. */
export function recordedBundle(steps: readonly StepRecord[]): Recorded<WriteBundlePlan, WriteBundleFacts> | undefined {
  const found = steps.find((one) => one.name === writeBundleName);
  return found && { plan: found.plan as WriteBundlePlan, facts: found.facts as WriteBundleFacts | undefined };
}

/** What is recorded of the run; undefined before the start. */
export function recordedRun(steps: readonly StepRecord[]): Recorded<RunMonitorPlan, RunMonitorFacts> | undefined {
  const found = steps.find((one) => one.name === runMonitorName);
  return found && { plan: found.plan as RunMonitorPlan, facts: found.facts as RunMonitorFacts | undefined };
}
