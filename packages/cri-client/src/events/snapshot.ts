import type { Container, PodSandbox } from "@keelson/cri-api/v1";
import type { CriLists } from "../lists/create-lists.ts";

/** All sandboxes and containers of a node. */
export interface Snapshot {
  readonly podSandboxes: PodSandbox[];
  readonly containers: Container[];
}

/** The lists that a snapshot is made of. */
export type SnapshotLists = Pick<CriLists, "podSandboxes" | "containers">;

/** Sandboxes first, as the kubelet asks: what changes between the two lists comes as an event. */
export async function takeSnapshot(lists: SnapshotLists, signal: AbortSignal): Promise<Snapshot> {
  const podSandboxes: PodSandbox[] = [];
  for await (const sandbox of lists.podSandboxes(undefined, { signal })) podSandboxes.push(sandbox);
  const containers: Container[] = [];
  for await (const container of lists.containers(undefined, { signal })) containers.push(container);
  return { podSandboxes, containers };
}
