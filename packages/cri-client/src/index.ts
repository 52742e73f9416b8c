export type { Backoff } from "./backoff.ts";
export type { CriCallOptions, CriClient } from "./call-options.ts";
export { type ConnectOptions, type CriConnection, connectCri } from "./connect-cri.ts";
export type { CriConnectionEvent } from "./connection-event.ts";
export type { CriMethodName } from "./deadlines.ts";
export type { CriServiceName, LinkState } from "./link-state.ts";
