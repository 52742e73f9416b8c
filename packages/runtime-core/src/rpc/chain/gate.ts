import { CriError, unavailable } from "@keelson/cri-api/errors";
import type { Link, Watch } from "./chain.ts";

/** Calls that run at once, those included whose callers have gone: a flood of resets makes no flood of work. */
const mostCalls = 1024;

/** Counts the calls that run, over all methods of one core. */
export interface CallCount {
  running: number;
}

const unwatched: Watch = {};

/**
 * The innermost link: lets calls in while the core serves.
 * @throws UNAVAILABLE before and after; RESOURCE_EXHAUSTED when too many calls run
 */
export const gate: Link = (core, { count, counted }) => {
  const leaves: Watch = { over: () => void count.running-- };
  return () => {
    if (core.phase !== "serving") {
      throw unavailable(`the runtime is ${core.phase === "closed" ? "stopping" : "starting"}`, {
        hint: "call again in a moment",
      });
    }
    if (count.running >= mostCalls) {
      throw new CriError("RESOURCE_EXHAUSTED", `${mostCalls} calls run already`, { hint: "call again in a moment" });
    }
    if (!counted) return unwatched;
    count.running++;
    return leaves;
  };
};
