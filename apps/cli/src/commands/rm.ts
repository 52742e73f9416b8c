import { notFound, quote } from "@keelson/cri-api/errors";
import { connect, type GlobalOptions } from "../endpoint.ts";

/** Stops and removes pods (with their containers) or single containers, by ID or the start of one. */
export async function rm(ids: readonly string[], options: GlobalOptions): Promise<string> {
  await using cri = await connect(options);
  const removed: string[] = [];
  for (const id of ids) {
    const { items } = await cri.runtime.listPodSandbox({ filter: { id } });
    const { containers } = await cri.runtime.listContainers({ filter: { id } });
    if (items.length + containers.length === 0) {
      throw notFound(`remove ${quote(id)}: no pod and no container has this ID`, {
        hint: "see keelson pods and keelson ps",
      });
    }
    for (const pod of items) {
      await cri.runtime.stopPodSandbox({ podSandboxId: pod.id });
      await cri.runtime.removePodSandbox({ podSandboxId: pod.id });
      removed.push(`removed pod ${pod.id}`);
    }
    for (const container of containers) {
      await cri.runtime.stopContainer({ containerId: container.id, timeout: 10n });
      await cri.runtime.removeContainer({ containerId: container.id });
      removed.push(`removed container ${container.id}`);
    }
  }
  return removed.join("\n");
}
