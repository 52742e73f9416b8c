export type { Backoff } from "./backoff.ts";
export type { CriCallOptions, CriClient } from "./call-options.ts";
export { type ConnectOptions, type CriConnection, connectCri } from "./connect-cri.ts";
export type { CriConnectionEvent } from "./connection-event.ts";
export type { CriMethodName } from "./deadlines.ts";
export type { ContainerEvent, ContainerEventsOptions, FollowContainerEvents } from "./events/container-events.ts";
export type { CriServiceName, LinkState } from "./link-state.ts";
export type { CriLists } from "./lists/create-lists.ts";
export type { ListOptions } from "./lists/list-items.ts";
