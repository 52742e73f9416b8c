import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { CriVersion } from "@keelson/cri-api/versions";
import type { Core } from "../core.ts";
import { openCall } from "./call.ts";
import { about, type CallCount, logFailure, millisSince, refuseEarly } from "./gate.ts";
import type { Rpc } from "./rpc.ts";
import { toConnectError } from "./to-connect-error.ts";

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
