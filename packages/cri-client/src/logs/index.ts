export { type FollowedLog, type FollowLogOptions, followLog } from "./follow-log.ts";
export type { LogEvent } from "./log-event.ts";
export type { LogLine } from "./log-line.ts";
