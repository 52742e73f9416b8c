export { composeLinuxEngine, type EngineImages, type LinuxEngineOptions } from "./engine.ts";
export type { EngineLog } from "./log.ts";
export { openLmdbStore } from "./state/lmdb-store.ts";
