import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { CriError, unavailable } from "@keelson/cri-api/errors";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { Core } from "../core.ts";
import { type Call, openCall } from "./call.ts";
import type { Rpc } from "./rpc.ts";
import { categorize, toConnectError } from "./to-connect-error.ts";

/** Calls that run at once, those included whose callers have gone: a flood of resets makes no flood of work. */
const mostCalls = 1024;

/** Counts the calls that run, over all methods of one core. */
export interface CallCount {
  running: number;
}

/** The handler that Connect gets: it ends with its caller or its deadline, and every failure leaves it categorized. */
export function serve<Method extends DescMethodUnary>(
  core: Core,
  method: Method,
  rpc: Rpc<Method>,
  options: { readonly version: CriVersion; readonly count: CallCount },
): (request: MessageShape<Method["input"]>, context: HandlerContext) => Promise<MessageInitShape<Method["output"]>> {
  const handle = rpc(core);
  const { version, count } = options;
  return async (request, context) => {
    const call = openCall({ rpc: method.name, version, timeoutMs: context.timeoutMs(), signal: context.signal });
    const began = core.clock.now();
    try {
      refuseEarly(core, count);
      count.running++;
      const answer = Promise.resolve()
        .then(() => handle(request, call))
        .finally(() => count.running--);
      const first = await Promise.race([answer, call.gone]);
      core.log.debug("call answered", { ...about(call), tookMs: millisSince(core, began) });
      return first;
    } catch (error) {
      logFailure(core, call, error, millisSince(core, began));
      throw toConnectError(error);
    } finally {
      call.close();
    }
  };
}

function refuseEarly(core: Core, count: CallCount): void {
  if (core.phase !== "serving") {
    throw unavailable(`the runtime is ${core.phase === "closed" ? "stopping" : "starting"}`, {
      hint: "call again in a moment",
    });
  }
  if (count.running >= mostCalls) {
    throw new CriError("RESOURCE_EXHAUSTED", `${mostCalls} calls run already`, { hint: "call again in a moment" });
  }
}

function logFailure(core: Core, call: Call, error: unknown, tookMs: number): void {
  const { code } = categorize(error);
  const fields = { ...about(call), code, tookMs, error };
  if (code === "INTERNAL" || code === "DATA_LOSS") core.log.error("call failed", fields);
  else if (code === "DEADLINE_EXCEEDED" || code === "UNKNOWN") core.log.warn("call failed", fields);
  // a kubelet asks for what is gone all the time
  else if (code === "NOT_FOUND") core.log.debug("call failed", fields);
  else core.log.info("call failed", fields);
}

const about = (call: Call) => ({ rpc: call.rpc, version: call.version });

const millisSince = (core: Core, began: bigint): number => Number((core.clock.now() - began) / 1_000_000n);
