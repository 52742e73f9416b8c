import { CriError, unavailable } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import type { Call } from "./call.ts";
import { categorize } from "./to-connect-error.ts";

/** Calls that run at once, those included whose callers have gone: a flood of resets makes no flood of work. */
const mostCalls = 1024;

/** Counts the calls that run, over all methods of one core. */
export interface CallCount {
  running: number;
}

/**
 * What every call passes first.
 * @throws UNAVAILABLE before the core serves and after it; RESOURCE_EXHAUSTED when too many calls run
 */
export function refuseEarly(core: Core, count: CallCount): void {
  if (core.phase !== "serving") {
    throw unavailable(`the runtime is ${core.phase === "closed" ? "stopping" : "starting"}`, {
      hint: "call again in a moment",
    });
  }
  if (count.running >= mostCalls) {
    throw new CriError("RESOURCE_EXHAUSTED", `${mostCalls} calls run already`, { hint: "call again in a moment" });
  }
}

/** Logs a call that failed, as loud as it concerns an operator. */
export function logFailure(core: Core, call: Call, error: unknown, tookMs: number): void {
  const { code } = categorize(error);
  const fields = { ...about(call), code, tookMs, error };
  if (code === "INTERNAL" || code === "DATA_LOSS") core.log.error("call failed", fields);
  else if (code === "DEADLINE_EXCEEDED" || code === "UNKNOWN") core.log.warn("call failed", fields);
  // a kubelet asks for what is gone all the time
  else if (code === "NOT_FOUND") core.log.debug("call failed", fields);
  else core.log.info("call failed", fields);
}

/** What a log line says of a call. */
export const about = (call: Call): { readonly rpc: string; readonly version: string } => ({
  rpc: call.rpc,
  version: call.version,
});

export const millisSince = (core: Core, began: bigint): number => Number((core.clock.now() - began) / 1_000_000n);
