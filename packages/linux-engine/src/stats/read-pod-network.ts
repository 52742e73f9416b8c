import type { SandboxRecord } from "@keelson/runtime-core/ports";
import type { EngineLog } from "../log.ts";
import type { SandboxParts } from "../sandbox/sandbox-parts.ts";
import type { Namespaces } from "../sys/namespaces.ts";
import { isErrno } from "../sys/syscall-error.ts";

export interface PodNetworkOptions {
  readonly namespaces: Pick<Namespaces, "readProcNet">;
  readonly log: EngineLog;
}

/** A pod's `/proc/net/dev`. Undefined on the node's network, when the namespace is gone, and when it can't be read. */
export async function readPodNetwork(
  record: SandboxRecord,
  { namespaces: { net } }: SandboxParts,
  { namespaces, log }: PodNetworkOptions,
): Promise<string | undefined> {
  if (net === undefined) return undefined;
  try {
    return await namespaces.readProcNet(net, "dev");
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EINVAL"))
      log.warn("the network of a sandbox could not be measured", { id: record.id, error });
    return undefined;
  }
}
