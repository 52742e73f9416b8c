export { type Connection, openConnection } from "../connection.ts";
export type { AskOptions } from "./ask-methods.ts";
export { type Generation, newestGeneration } from "./generation.ts";
export type { MethodAnswer } from "./method-answer.ts";
export { probeMethods } from "./probe-methods.ts";
export { type ProbeVersionsOptions, probeVersions, type VersionAnswer } from "./probe-versions.ts";
export { learnServerFacts, type ServerFacts } from "./server-facts.ts";
