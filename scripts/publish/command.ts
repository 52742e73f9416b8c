import { spawn } from "node:child_process";
import process from "node:process";

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 5 minutes. */
  readonly timeoutMs?: number;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The process groups that run. */
const running = new Set<number>();
let interrupted = false;

/** From here on SIGINT and SIGTERM end what runs, and commands fail, so that whoever waits for them can clean up. */
export function endCommandsOnSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      interrupted = true;
      for (const group of running) killGroup(group);
    });
  }
}

/**
 * Runs a program to its end, whatever its exit code; one that was killed has -1. It has a process group of its own: nothing
 * that it started outlives it.
 */
export function end(command: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const [program = "", ...args] = command;
  const { cwd, env, timeoutMs = 300_000 } = options;
  if (interrupted) return Promise.resolve({ code: -1, stdout: "", stderr: `${program}: interrupted\n` });
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const group = child.pid;
    if (group !== undefined) running.add(group);
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    const stop = (): void => {
      if (group !== undefined) killGroup(group);
    };
    const timer = setTimeout(() => {
      stderr += `${program}: no end in ${timeoutMs} ms\n`;
      stop();
    }, timeoutMs);
    const settle = (code: number): void => {
      clearTimeout(timer);
      if (group !== undefined) running.delete(group);
      resolve({ code, stdout, stderr });
    };
    // what it left would keep its output open
    child.once("exit", stop);
    child.once("close", (code) => settle(code ?? -1));
    child.once("error", (error) => {
      stderr += `${error.message}\n`;
      if (group === undefined) settle(-1);
    });
  });
}

/** Runs a program and returns what it printed. @throws an Error with all of its output when it fails */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await end(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch (error) {
    // it has ended, with all of its children
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
