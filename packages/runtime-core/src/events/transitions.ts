import { ContainerEventType, ContainerState } from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "../ports/index.ts";
import { containerState, isReady } from "../state/states.ts";

const {
  CONTAINER_CREATED_EVENT: created,
  CONTAINER_STARTED_EVENT: started,
  CONTAINER_STOPPED_EVENT: stopped,
  CONTAINER_DELETED_EVENT: deleted,
} = ContainerEventType;

/** What has happened to an object, in order, as its facts tell. */
export type Passed = readonly ContainerEventType[];

/** An end may be recorded before the start that it follows: what has ended by itself had been started. */
export function passedByContainer(record: ContainerRecord): Passed {
  const { exit } = record;
  const ran = record.started !== undefined || (exit !== undefined && exit.reason !== "StartError");
  const ended = containerState(record) === ContainerState.CONTAINER_EXITED;
  return [created, ...(ran ? [started] : []), ...(ended ? [stopped] : [])];
}

/** A sandbox that is READY has been created and started, as with containerd; one that is not has been stopped. */
export function passedBySandbox(record: SandboxRecord): Passed {
  return [created, ...(record.facts === undefined ? [] : [started]), ...(isReady(record) ? [] : [stopped])];
}

/** What is to be told of an object of which `told` has been told; undefined stands for one that does not exist. */
export function untold(told: Passed | undefined, passed: Passed | undefined): Passed {
  if (passed === undefined) return told === undefined ? [] : [deleted];
  return passed.filter((type) => told === undefined || !told.includes(type));
}
