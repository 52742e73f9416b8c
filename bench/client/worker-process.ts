import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ContenderName } from "./contender.ts";
import type { Task, TaskResults, WorkerMessage } from "./worker-protocol.ts";

export interface Worker extends AsyncDisposable {
  readonly contender: ContenderName;
  /** @throws when the task failed or the process ended */
  perform<Name extends Task["name"]>(task: Extract<Task, { name: Name }>): Promise<TaskResults[Name]>;
  /** Ends the process in order and waits until it has ended. Idempotent. */
  close(): Promise<void>;
}

/** Starts a client in a process of its own and waits until it is connected. @param flags Node's own */
export async function startWorker(
  contender: ContenderName,
  socket: string,
  flags: readonly string[] = [],
): Promise<Worker> {
  const child = fork(fileURLToPath(new URL("./worker.ts", import.meta.url)), [contender, socket], {
    execArgv: ["--expose-gc", ...flags],
    serialization: "advanced", // keeps undefined
  });
  const ended = once(child, "exit");
  const next = async (): Promise<unknown> => {
    const [message] = (await Promise.race([
      once(child, "message"),
      ended.then(([code]) => Promise.reject(new Error(`${contender}: its process ended with ${String(code)}`))),
    ])) as [WorkerMessage];
    if ("failure" in message) throw new Error(`${contender}: ${message.failure}`);
    return message.result;
  };
  const close = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await ended;
  };
  await next();
  return {
    contender,
    perform: async <Name extends Task["name"]>(task: Extract<Task, { name: Name }>) => {
      const answer = next();
      child.send(task);
      return (await answer) as TaskResults[Name];
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
