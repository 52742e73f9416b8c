export { conformanceImages } from "./conformance-images.ts";
export { scriptAnnotation } from "./container-script.ts";
export { createSimulatedEngine, type SimulatedEngineOptions } from "./create-simulated-engine.ts";
export { createFaults, type FailOptions, type FaultPoint, type Faults, type Hold } from "./faults.ts";
export { type ContainerLog, createMemoryLogs, type LogFile, type LogSink, type MemoryLogs } from "./logs.ts";
export { createManualClock, type ManualClock, type ManualClockOptions } from "./manual-clock.ts";
export { createMemoryStore, type MemoryStore, type MemoryStoreOptions } from "./memory-store.ts";
export {
  type CheckedScript,
  type ContainerScript,
  parseContainerScript,
  parseScript,
  type Script,
  type ScriptExec,
  type ScriptExit,
  type ScriptImage,
  type ScriptLine,
  type ScriptStop,
  type ScriptUsage,
} from "./script.ts";
export { createSimulatedWorld, type SimulatedWorld } from "./world.ts";
