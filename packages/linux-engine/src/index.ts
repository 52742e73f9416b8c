export { composeLinuxEngine, type EngineImages, type LinuxEngineOptions } from "./engine.ts";
export type { EngineLog } from "./log.ts";
export { openLinuxEngine } from "./open-linux-engine.ts";
export { openLogStore } from "./state/log-store.ts";
