import type { DescMethodServerStreaming, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { canceled, quote, unavailable } from "@keelson/cri-api/errors";
import type { Core } from "../core.ts";
import { about, type Call, openCall } from "./call.ts";
import { openChain, type Served } from "./chain/chain.ts";
import type { StreamRpc } from "./rpc.ts";
import { toConnectError } from "./to-connect-error.ts";

/** One call that is answered with a stream. */
export interface StreamCall extends Call {
  /** How the caller calls itself (gRPC's user-agent), quoted; for the log. */
  readonly caller: string;
  /** Says that the call is over although its caller has not taken what it was sent, and that it has been logged. */
  cutOff(): void;
}

/**
 * How a server hears that a call is over whose caller does not read: the call itself can't end it, as it is asked for
 * the next part only when the one before was taken. The server gives the caller the rest of its time to do so, and need
 * not log it again.
 */
export const cutOffKey: ContextKey<() => void> = createContextKey<() => void>(() => {}, {
  description: "the call is over, whatever its caller does",
});

type Answer<Method extends DescMethodServerStreaming> = MessageInitShape<Method["output"]>;

/**
 * As `serve`, for a method that answers with a stream: the next part is asked for when the caller has taken the one
 * before, and the handler ends with its caller, its deadline or the server.
 * @param options `stopping` fires when the server takes no more calls: streams end with UNAVAILABLE
 */
export function serveStream<Method extends DescMethodServerStreaming>(
  core: Core,
  rpc: StreamRpc<Method>,
  served: Served,
  { stopping }: { readonly stopping: AbortSignal | undefined },
): (request: MessageShape<Method["input"]>, context: HandlerContext) => AsyncIterable<Answer<Method>> {
  const handle = rpc(core);
  const pass = openChain(core, served);
  return async function* serve(request, context) {
    const { signal, requestHeader: headers } = context;
    const open = openCall({ ...served, timeoutMs: context.timeoutMs(), signal, headers });
    const passage = pass(open);
    const call: StreamCall = Object.assign(open, {
      caller: quote(headers.get("user-agent") ?? "", 80),
      cutOff: context.values.get(cutOffKey),
    });
    const stop = (): void => open.leave(unavailable("the runtime is stopping", { hint: "call again when it runs" }));
    let handler: AsyncIterator<Answer<Method>> | undefined;
    let taken = 0;
    try {
      passage.enter();
      try {
        if (stopping?.aborted) stop();
        stopping?.addEventListener("abort", stop, { once: true });
        handler = handle(request, call)[Symbol.asyncIterator]();
        for (let part = await next(handler, call); part.done !== true; part = await next(handler, call)) {
          yield* handedOver(part.value, call);
          taken++;
        }
        passage.told(undefined, taken);
      } finally {
        stopping?.removeEventListener("abort", stop);
        passage.over();
      }
    } catch (error) {
      passage.told(error, taken);
      throw toConnectError(error);
    } finally {
      // a caller that needs no more parts just leaves
      passage.told(canceled(`${call.rpc}: the caller went`), taken);
      open.close();
      // one that waits sees the call's signal, and ends after that
      handler
        ?.return?.()
        .catch((error: unknown) => core.log.error("stream broke at its end", { ...about(call), error }));
    }
  };
}

/** Yields one part. What the transport throws at it says that the caller is no longer there. */
function* handedOver<T>(part: T, call: Call): Generator<T, void> {
  try {
    yield part;
  } catch (cause) {
    throw canceled(`${call.rpc}: the caller went`, { cause });
  }
}

/** The next part; rejects when the call is over before. */
async function next<T>(parts: AsyncIterator<T>, { signal }: Call): Promise<IteratorResult<T, unknown>> {
  signal.throwIfAborted();
  // a listener for each wait: a race with one promise would keep all of them until the stream ends
  const { promise: over, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([parts.next(), over]);
  } finally {
    signal.removeEventListener("abort", leave);
  }
}
