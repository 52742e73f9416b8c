import { ContainerState } from "@keelson/cri-api/v1";
import { connect, type GlobalOptions } from "../endpoint.ts";
import { newestFirst } from "../output/newest-first.ts";
import { table } from "../output/table.ts";
import { age, shortId } from "../output/units.ts";

export interface PsOptions extends GlobalOptions {
  readonly quiet?: boolean;
}

const states: Readonly<Record<number, string>> = {
  [ContainerState.CONTAINER_CREATED]: "created",
  [ContainerState.CONTAINER_RUNNING]: "running",
  [ContainerState.CONTAINER_EXITED]: "exited",
  [ContainerState.CONTAINER_UNKNOWN]: "unknown",
};

export async function ps(options: PsOptions): Promise<string> {
  await using cri = await connect(options);
  const containers = newestFirst((await cri.runtime.listContainers({})).containers);
  if (options.quiet === true) return containers.map((container) => container.id).join("\n");
  return table(
    ["CONTAINER", "AGE", "STATE", "NAME", "ATTEMPT", "POD", "IMAGE"],
    containers.map((container) => [
      shortId(container.id),
      age(container.createdAt),
      states[container.state] ?? "unknown",
      container.metadata?.name ?? "",
      String(container.metadata?.attempt ?? 0),
      shortId(container.podSandboxId),
      container.image?.userSpecifiedImage || container.image?.image || "",
    ]),
  );
}
