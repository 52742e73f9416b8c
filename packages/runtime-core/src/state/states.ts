import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import type { ContainerRecord, SandboxRecord } from "../ports/index.ts";

/** Facts decide: the state of a sandbox that has been made. */
export function sandboxState(record: SandboxRecord): PodSandboxState {
  const whole =
    record.facts !== undefined &&
    record.stoppedAtNs === undefined &&
    record.lost === undefined &&
    record.failed === undefined;
  return whole ? PodSandboxState.SANDBOX_READY : PodSandboxState.SANDBOX_NOTREADY;
}

/** Facts decide: the state of a container that has been made. What was not made whole never runs. */
export function containerState(record: ContainerRecord): ContainerState {
  const whole = record.facts !== undefined && record.failed === undefined;
  if (record.exit !== undefined || !whole) return ContainerState.CONTAINER_EXITED;
  return record.started === undefined ? ContainerState.CONTAINER_CREATED : ContainerState.CONTAINER_RUNNING;
}

export function isReady(record: SandboxRecord): boolean {
  return sandboxState(record) === PodSandboxState.SANDBOX_READY;
}

export function isRunning(record: ContainerRecord): boolean {
  return containerState(record) === ContainerState.CONTAINER_RUNNING;
}

/** As messages name a sandbox's state. */
export function sandboxStateName(record: SandboxRecord): "READY" | "NOTREADY" {
  return isReady(record) ? "READY" : "NOTREADY";
}

/** As messages name a container's state. */
export function containerStateName(record: ContainerRecord): "CREATED" | "RUNNING" | "EXITED" {
  const state = containerState(record);
  if (state === ContainerState.CONTAINER_CREATED) return "CREATED";
  return state === ContainerState.CONTAINER_RUNNING ? "RUNNING" : "EXITED";
}

// parts are joined by a byte that no valid part holds
const identity = (...parts: readonly (string | number)[]): string => parts.join("\u0000");

/** What a pod's attempt is known by to its caller. */
export function sandboxIdentity(record: Pick<SandboxRecord, "config">): string {
  const { uid = "", namespace = "", name = "", attempt = 0 } = record.config.metadata ?? {};
  return identity(uid, namespace, name, attempt);
}

/** What a container's attempt is known by to its caller. */
export function containerIdentity(record: Pick<ContainerRecord, "sandboxId" | "config">): string {
  const { name = "", attempt = 0 } = record.config.metadata ?? {};
  return identity(record.sandboxId, name, attempt);
}
