import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { LoadMessage, LoadSlice, LoadTask } from "./load-protocol.ts";

export interface Load extends AsyncDisposable {
  /** @throws when a call failed or the process ended */
  perform(task: LoadTask): Promise<LoadSlice>;
  /** Ends the process and waits until it has ended. Idempotent. */
  close(): Promise<void>;
}

/** Starts the load's process for one socket. @param socket its absolute path */
export async function startLoad(socket: string): Promise<Load> {
  const child = fork(fileURLToPath(new URL("./load.ts", import.meta.url)), [socket], { serialization: "advanced" });
  const ended = once(child, "exit");
  const next = async (): Promise<LoadSlice | undefined> => {
    const [message] = (await Promise.race([
      once(child, "message"),
      ended.then(([code]) => Promise.reject(new Error(`the load's process ended with ${String(code)}`))),
    ])) as [LoadMessage];
    if ("failure" in message) throw new Error(message.failure);
    return message.slice;
  };
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await ended;
  };
  await next();
  return {
    perform: async (task) => {
      const answer = next();
      child.send(task);
      const slice = await answer;
      if (slice === undefined) throw new Error("the load's process answered without a slice");
      return slice;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
