import { invalidArgument } from "@keelson/cri-api/errors";
import type { HostFacts, Reported } from "./host-facts.ts";

const field = "linux.resources.oom_score_adj";

/**
 * `oom_score_adj` of a container. Only a daemon with CAP_SYS_RESOURCE may go below its own; elsewhere the value is
 * raised to the daemon's, which is reported: the container is killed earlier than asked, nobody else is harmed.
 * @throws INVALID_ARGUMENT outside -1000…1000
 */
export function buildOomScoreAdj(
  asked: bigint,
  facts: Pick<HostFacts, "oomScoreAdj" | "canLowerOomScoreAdj">,
): { value: number; reported: Reported[] } {
  checkOomScoreAdj(asked);
  const value = Number(asked);
  if (value >= facts.oomScoreAdj || facts.canLowerOomScoreAdj) return { value, reported: [] };
  const why = `raised to ${facts.oomScoreAdj}: the daemon may not go below its own`;
  return { value: facts.oomScoreAdj, reported: [{ field, value: String(asked), why }] };
}

/** @throws INVALID_ARGUMENT outside -1000…1000 */
export function checkOomScoreAdj(asked: bigint): void {
  if (asked < -1000n || asked > 1000n) throw invalidArgument(`read ${field}: ${asked} is not in -1000…1000`);
}
