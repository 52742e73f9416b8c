import type { StepRecord } from "@keelson/runtime-core/ports";
import { type RecordedStep, recordedStep } from "../recorded-step.ts";
import { type RunMonitorFacts, type RunMonitorPlan, runMonitorName } from "./steps/run-monitor.ts";
import { type WriteBundleFacts, type WriteBundlePlan, writeBundleName } from "./steps/write-bundle.ts";

/** What is recorded of the bundle; undefined before its step. */
export function recordedBundle(
  steps: readonly StepRecord[],
): RecordedStep<WriteBundlePlan, WriteBundleFacts> | undefined {
  return recordedStep(steps, writeBundleName);
}

/** What is recorded of the run; undefined before the start. */
export function recordedRun(steps: readonly StepRecord[]): RecordedStep<RunMonitorPlan, RunMonitorFacts> | undefined {
  return recordedStep(steps, runMonitorName);
}
