import { invalidArgument, notFound, quote } from "@keelson/cri-api/errors";
import type { CriConnection } from "@keelson/cri-client";
import { connect, type GlobalOptions } from "../endpoint.ts";

const graceSeconds = 10n;

/**
 * Stops and removes pods (with their containers) or single containers, by ID or the start of one, and tells each as it
 * goes. Nothing is removed when one ID is unclear.
 */
export async function* rm(ids: readonly string[], options: GlobalOptions): AsyncGenerator<string> {
  await using cri = await connect(options);
  const { items } = await cri.runtime.listPodSandbox({});
  const { containers } = await cri.runtime.listContainers({});
  const all: readonly Target[] = [
    ...items.map(({ id }) => ({ kind: "pod" as const, id })),
    ...containers.map(({ id }) => ({ kind: "container" as const, id })),
  ];
  for (const target of ids.map((id) => find(all, id))) {
    await remove(cri, target);
    yield `removed ${target.kind} ${target.id}`;
  }
}

interface Target {
  readonly kind: "pod" | "container";
  readonly id: string;
}

function find(all: readonly Target[], id: string): Target {
  const exact = all.find((target) => target.id === id);
  if (exact !== undefined) return exact;
  const [first, ...more] = id === "" ? [] : all.filter((target) => target.id.startsWith(id));
  if (first === undefined) {
    throw notFound(`remove ${quote(id)}: no pod and no container has this ID`, {
      hint: "keelson pods and keelson ps show what there is",
    });
  }
  if (more.length === 0) return first;
  throw invalidArgument(`remove ${quote(id)}: ${more.length + 1} pods and containers have IDs that begin so`, {
    hint: "write more of the ID",
  });
}

/** Removing what is gone succeeds: a container may have gone with its pod. */
async function remove(cri: CriConnection, { kind, id }: Target): Promise<void> {
  if (kind === "pod") {
    await cri.runtime.stopPodSandbox({ podSandboxId: id });
    await cri.runtime.removePodSandbox({ podSandboxId: id });
  } else {
    await cri.runtime.stopContainer({ containerId: id, timeout: graceSeconds });
    await cri.runtime.removeContainer({ containerId: id });
  }
}
