import { fork } from "node:child_process";
import { once } from "node:events";

/** A runtime that is a process of its own, and can die as one. */
export interface MortalRuntime {
  readonly pid: number;
  /** Resolves when so many calls wait for an answer that they do not get. */
  waiting(count: number): Promise<void>;
  /** By SIGKILL: nothing is said to anybody, and the socket's file stays. Resolves when it is dead. */
  kill(): Promise<void>;
}

/** Resolves when it listens. */
export async function startMortalRuntime(socket: string): Promise<MortalRuntime> {
  const child = fork(new URL("./mortal-runtime.ts", import.meta.url), [socket], { execArgv: [] });
  const dead = once(child, "exit");
  let count: unknown;
  child.on("message", (message) => {
    count = message;
  });
  await once(child, "message");
  return {
    pid: child.pid ?? 0,
    async waiting(wanted) {
      while (count !== wanted) await once(child, "message");
    },
    async kill() {
      child.kill("SIGKILL");
      await dead;
    },
  };
}
