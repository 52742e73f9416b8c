import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { internal } from "@keelson/cri-api/errors";

export interface ProgramOptions {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Looks at each line of stderr; what it returns first means that the program is ready. */
  readonly ready: (line: string) => string | undefined;
}

export interface Program {
  /** What `ready` returned. */
  readonly said: string;
  /** SIGTERM, and SIGKILL when that did not help in 10 s. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a program and waits until it says that it is ready.
 * @throws INTERNAL with the last lines that it wrote, when it ended before
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const [file, ...args] = options.argv;
  const child = spawn(file, args, {
    stdio: ["ignore", "ignore", "pipe"],
    env: { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, HOME: process.env.HOME ?? "/", ...options.env },
  });
  const ended = once(child, "close").catch(() => undefined);
  const said = Promise.withResolvers<string>();
  const tail: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    tail.push(line);
    if (tail.length > 10) tail.shift();
    const answer = options.ready(line);
    if (answer !== undefined) said.resolve(answer);
  });
  child.once("error", said.reject);
  void ended.then(() => said.reject(internal(`${file} ended before it was ready:\n${tail.join("\n")}`)));
  const value = await said.promise;
  let stopping: Promise<void> | undefined;
  return {
    said: value,
    stop() {
      stopping ??= (async () => {
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
        await ended;
        clearTimeout(timer);
      })();
      return stopping;
    },
  };
}
