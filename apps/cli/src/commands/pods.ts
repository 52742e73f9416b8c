import { PodSandboxState } from "@keelson/cri-api/v1";
import { connect, type GlobalOptions } from "../endpoint.ts";
import { newestFirst } from "../output/newest-first.ts";
import { table } from "../output/table.ts";
import { age, shortId } from "../output/units.ts";

export interface PodsOptions extends GlobalOptions {
  readonly quiet?: boolean;
}

export async function pods(options: PodsOptions): Promise<string> {
  await using cri = await connect(options);
  const items = newestFirst((await cri.runtime.listPodSandbox({})).items);
  if (options.quiet === true) return items.map((pod) => pod.id).join("\n");
  return table(
    ["POD", "AGE", "STATE", "NAMESPACE", "NAME", "ATTEMPT"],
    items.map((pod) => [
      shortId(pod.id),
      age(pod.createdAt),
      pod.state === PodSandboxState.SANDBOX_READY ? "ready" : "not ready",
      pod.metadata?.namespace ?? "",
      pod.metadata?.name ?? "",
      String(pod.metadata?.attempt ?? 0),
    ]),
  );
}
