import type { MessageInitShape } from "@bufbuild/protobuf";
import type { PodSandboxStatusSchema } from "@keelson/cri-api/v1";
import type { SandboxRecord } from "../ports/index.ts";
import { isReady, sandboxState } from "../state/states.ts";

/** A sandbox's record as PodSandboxStatus shows it. */
export function sandboxStatusMessage(record: SandboxRecord): MessageInitShape<typeof PodSandboxStatusSchema> {
  const { config, facts } = record;
  // a sandbox that is not whole has given its addresses back, or is about to
  const [ip = "", ...additional] = isReady(record) ? (facts?.ips ?? []) : [];
  const options = config.linux?.securityContext?.namespaceOptions;
  return {
    id: record.id,
    metadata: config.metadata,
    state: sandboxState(record),
    createdAt: record.createdAtNs,
    network: { ip, additionalIps: additional.map((one) => ({ ip: one })) },
    linux: { namespaces: { options } },
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}
