import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

/** The program and first arguments that run a file on the JavaScript runtime that this is. */
export const thisRuntime: readonly [string, ...string[]] =
  "deno" in process.versions ? [process.execPath, "run", "-A", "--no-remote"] : [process.execPath];

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a file of this folder on this runtime until it ends by itself; killed after 10 seconds, which `signal` shows.
 * `onOutput` is told what it has written to stdout so far.
 */
export function runOnThisRuntime(
  file: string,
  args: readonly string[],
  onOutput: (stdout: string) => void = () => {},
): Promise<Ended> {
  const [program, ...first] = thisRuntime;
  const path = fileURLToPath(new URL(file, import.meta.url));
  return new Promise((resolve, reject) => {
    const child = spawn(program, [...first, path, ...args], { stdio: ["ignore", "pipe", "pipe"] });
    const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk: Uint8Array) => {
      stdout += String(chunk);
      onOutput(stdout);
    });
    child.stderr.on("data", (chunk: Uint8Array) => {
      stderr += String(chunk);
    });
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
  });
}
