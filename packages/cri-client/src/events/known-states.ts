import { type ContainerEventResponse, ContainerEventType } from "@keelson/cri-api/v1";
import type { Snapshot } from "./snapshot.ts";

/**
 * The state of each sandbox and container as someone knows it who has seen a snapshot and the events since then. Both are
 * kept by their IDs, which no sandbox shares with a container.
 */
export class KnownStates {
  #states = new Map<string, number>();
  /** What events have changed since `watch()`. */
  #touched: Set<string> | undefined;

  reset(snapshot: Snapshot): void {
    this.#states = statesOf(snapshot);
  }

  apply(event: ContainerEventResponse): void {
    const { containerId, containerEventType, podSandboxStatus, containersStatuses } = event;
    for (const { id, state } of containersStatuses) this.#set(id, state);
    if (podSandboxStatus !== undefined) this.#set(podSandboxStatus.id, podSandboxStatus.state);
    this.#touched?.add(containerId);
    if (containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT) this.#states.delete(containerId);
  }

  /** To be called before a list is asked for that is to be compared. */
  watch(): void {
    this.#touched = new Set();
  }

  /**
   * How many objects the list shows in another state than is known, or that it lacks. What events changed since `watch()`
   * does not count: such an event may be older or newer than the list.
   */
  differences(snapshot: Snapshot): number {
    const listed = statesOf(snapshot);
    const touched = this.#touched ?? new Set();
    this.#touched = undefined;
    const ids = new Set([...listed.keys(), ...this.#states.keys()]);
    return [...ids].filter((id) => listed.get(id) !== this.#states.get(id) && !touched.has(id)).length;
  }

  #set(id: string, state: number): void {
    this.#states.set(id, state);
    this.#touched?.add(id);
  }
}

function statesOf({ podSandboxes, containers }: Snapshot): Map<string, number> {
  return new Map([...podSandboxes, ...containers].map(({ id, state }) => [id, state]));
}
