import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const main = join(import.meta.dirname, "../src/main.ts");

/** Starts keelsond and returns what it said as it ended. */
async function failure(args: readonly string[]): Promise<string> {
  const started = promisify(execFile)(process.execPath, [main, ...args], { timeout: 30_000 });
  const error: unknown = await started.catch((one: unknown) => one);
  expect(error).toMatchObject({ code: 1 });
  return (error as { readonly stderr: string }).stderr;
}

describe("keelsond that can't start says why and ends with 1", () => {
  it("for a flag that it does not know", async () => {
    expect(await failure(["--nope"])).toMatch(/^keelsond: Unknown option '--nope'/);
  });

  it("for a configuration file that is not there", async () => {
    expect(await failure(["--config", "/nowhere/config.toml"])).toMatch(
      /^keelsond: read \/nowhere\/config.toml: ENOENT/,
    );
  });
});
