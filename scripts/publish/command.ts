import { execFile } from "node:child_process";
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

/** Runs a program to its end, whatever its exit code; one that was killed has -1. */
export function end(command: readonly string[], options: CommandOptions = {}): Promise<Ended> {
  const [program = "", ...args] = command;
  const { cwd, env, timeoutMs = 300_000 } = options;
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      {
        ...(cwd === undefined ? {} : { cwd }),
        env: { ...process.env, ...env },
        timeout: timeoutMs,
        maxBuffer: 2 ** 26,
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr: code === -1 && error !== null ? `${stderr}\n${error.message}` : stderr });
      },
    );
  });
}

/** Runs a program and returns what it printed. @throws an Error with all of its output when it fails */
export async function run(command: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await end(command, options);
  if (code !== 0) throw new Error(`${command.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}
