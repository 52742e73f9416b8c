import { spawn } from "node:child_process";
import { once } from "node:events";
import { basename } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { internal } from "@keelson/cri-api/errors";

export interface ProgramOptions {
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  /** Looks at each line of stderr; what it returns first means that the program is ready. */
  readonly ready: (line: string) => string | undefined;
  /** Gives up the waiting and ends the program. */
  readonly signal: AbortSignal;
}

export interface Program {
  /** What `ready` returned. */
  readonly said: string;
  /** The last lines of its stderr. */
  lastWords(): readonly string[];
  /** SIGTERM, and SIGKILL when that did not help in 20 s. Idempotent. */
  stop(): Promise<void>;
}

const keptLines = 12;
const stopMs = 20_000;

/**
 * Starts a program and waits until it says that it is ready. It has a session of its own: a Ctrl-C is for whoever
 * started it, who has something to take back before it ends.
 * @throws INTERNAL with the last lines that it wrote, when it ended before; the signal's reason
 */
export async function startProgram(options: ProgramOptions): Promise<Program> {
  const [file, ...args] = options.argv;
  const child = spawn(file, args, {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
    env: { PATH: `${process.env.PATH ?? ""}:/usr/sbin:/sbin`, HOME: process.env.HOME ?? "/", ...options.env },
  });
  const said = Promise.withResolvers<string>();
  const ended = once(child, "close").catch(said.reject);
  const lines: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push(line);
    if (lines.length > keptLines) lines.shift();
    const answer = options.ready(line);
    if (answer !== undefined) said.resolve(answer);
  });
  void ended.then(() => said.reject(internal(`${basename(file)} ended before it was ready:\n${lines.join("\n")}`)));
  const abort = (): void => said.reject(options.signal.reason);
  options.signal.addEventListener("abort", abort, { once: true });
  if (options.signal.aborted) abort();
  let stopping: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopping ??= (async () => {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
      await ended;
      clearTimeout(timer);
    })();
    return stopping;
  };
  try {
    return { said: await said.promise, lastWords: () => [...lines], stop };
  } catch (error) {
    await stop();
    throw error;
  } finally {
    options.signal.removeEventListener("abort", abort);
  }
}
