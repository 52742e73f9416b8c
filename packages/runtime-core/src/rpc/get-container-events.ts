import type { RuntimeStreamRpc } from "./rpc.ts";

export const getContainerEvents: RuntimeStreamRpc<"getContainerEvents"> = (core) =>
  async function* (_request, call) {
    const subscription = core.events.subscribe({ caller: call.caller, onCutOff: () => call.cutOff() });
    try {
      call.stage("waiting for the next event");
      for (;;) yield (await subscription.next(call.signal)).message;
    } finally {
      subscription.close();
    }
  };
