// bin/keelson as a process, as people start it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { expect } from "vitest";

export const repository: string = join(import.meta.dirname, "../../../..");
export const keelsonCommand: string = join(repository, "bin/keelson");

/** Half of a start is the compiling of TypeScript, which need not be done by each of these processes. */
const compileCache = join(repository, "node_modules/.cache/node-compile");

export interface KeelsonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Another program in front of it: `setpriv …`. */
  readonly below?: readonly string[];
}

/** How it ended. */
export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running keelson. */
export interface Keelson {
  readonly process: ChildProcess;
  readonly ended: Promise<Ending>;
  /** What it wrote so far. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts it without waiting. CONTAINER_RUNTIME_ENDPOINT of this process is not passed on. */
export function startKeelson(args: readonly string[], options: KeelsonOptions = {}): Keelson {
  const [file = keelsonCommand, ...before] = options.below ?? [];
  const argv = options.below === undefined ? args : [...before, keelsonCommand, ...args];
  const { PATH = "", HOME = "/" } = process.env;
  const env = { PATH, HOME, NODE_COMPILE_CACHE: compileCache, ...options.env };
  const child = spawn(file, argv, { stdio: ["ignore", "pipe", "pipe"], env });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].setEncoding("utf8").on("data", (text: string) => {
      texts[name] += text;
    });
  }
  const ended = once(child, "close").then(
    ([code, signal]): Ending => ({ code: code as number | null, signal: signal as NodeJS.Signals | null, ...texts }),
  );
  return {
    process: child,
    ended,
    get stdout() {
      return texts.stdout;
    },
    get stderr() {
      return texts.stderr;
    },
  };
}

/** Runs it to its end. */
export function keelson(args: readonly string[], options: KeelsonOptions = {}): Promise<Ending> {
  return startKeelson(args, options).ended;
}

/** Waits until something holds; tests wait on nothing else. */
export function until(holds: () => void | Promise<void>): Promise<void> {
  return expect
    .poll(
      async () => {
        await holds();
        return true;
      },
      { timeout: 15_000, interval: 20 },
    )
    .toBe(true);
}
