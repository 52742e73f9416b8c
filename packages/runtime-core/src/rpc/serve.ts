import type { DescMethodUnary, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type { Core } from "../core.ts";
import { openCall } from "./call.ts";
import { openChain, type Served } from "./chain/chain.ts";
import type { Rpc } from "./rpc.ts";
import { toConnectError } from "./to-connect-error.ts";

/** What a handler needs to know of a call: of Connect's context, or of a server's own. */
export interface CallContext extends Pick<HandlerContext, "signal" | "timeoutMs"> {
  readonly requestHeader: Pick<Headers, "get">;
}

/** The handler that Connect gets: it ends with its caller or its deadline, and every failure leaves it categorized. */
export function serve<Method extends DescMethodUnary>(
  core: Core,
  rpc: Rpc<Method>,
  served: Served,
): (request: MessageShape<Method["input"]>, context: CallContext) => Promise<MessageInitShape<Method["output"]>> {
  const handle = rpc(core);
  const pass = openChain(core, served);
  return async (request, context) => {
    const { signal, requestHeader: headers } = context;
    const call = openCall({ ...served, timeoutMs: context.timeoutMs(), signal, headers });
    const passage = pass(call);
    try {
      passage.enter();
      const answer = Promise.resolve()
        .then(() => handle(request, call))
        .finally(() => passage.over());
      const first = await Promise.race([answer, call.gone]);
      passage.told();
      return first;
    } catch (error) {
      passage.told(error);
      throw toConnectError(error);
    } finally {
      call.close();
    }
  };
}
