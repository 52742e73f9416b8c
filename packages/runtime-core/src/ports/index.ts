export type { CheckpointContainer, CheckpointEngine, CheckpointPod } from "./checkpoint-engine.ts";
export type { Clock, Timer } from "./clock.ts";
export type { ContainerEngine, ExecRequest, ExecResult } from "./container-engine.ts";
export type {
  ContainerVerdict,
  Engine,
  EngineObserver,
  Found,
  Reconciled,
  SandboxVerdict,
} from "./engine.ts";
export type { ImageEngine, ImageFsInfo, PullRequest } from "./image-engine.ts";
export type { Journal } from "./journal.ts";
export type { Json } from "./json.ts";
export {
  type Counter,
  type Histogram,
  type Meter,
  type MetricDescription,
  type Reading,
  type Series,
  silentMeter,
} from "./meter.ts";
export type { MetricsEngine, RunningPod } from "./metrics-engine.ts";
export type { Condition, NodeEngine } from "./node-engine.ts";
export {
  describePodMetrics,
  type MeasuredPod,
  type PodMetricName,
  podLabels,
  podMetricNames,
  podSandboxMetrics,
  type Sample,
} from "./pod-metrics.ts";
export type {
  ContainerExit,
  ContainerFacts,
  ContainerRecord,
  ExitReason,
  ResolvedImage,
  SandboxFacts,
  SandboxRecord,
  StartFacts,
  StepRecord,
} from "./records.ts";
export type { SandboxEngine } from "./sandbox-engine.ts";
export type { StateStore } from "./state-store.ts";
export type { ContainerFigures, SandboxFigures, StatsEngine } from "./stats-engine.ts";
export {
  type AnyStep,
  type ApplyOptions,
  applySteps,
  createFailure,
  failOnLeft,
  LeftBehind,
  type RevertOptions,
  recordedFacts,
  revertSteps,
  type Step,
  step,
} from "./step.ts";
export type { StreamEngine } from "./stream-engine.ts";
export type { Progress, Task } from "./task.ts";
