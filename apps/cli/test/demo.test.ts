import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Ending, keelson, startKeelson, until } from "./harness/keelson.ts";

const isRoot = process.getuid?.() === 0;
const nobody = 65_534;

describe("keelson demo, simulated", { timeout: 30_000 }, () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-demo-test-"));
    if (isRoot) await chown(folder, nobody, nobody);
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** As a user without root, who may read the clone wherever it lies. */
  const below = isRoot
    ? [
        ...["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"],
        ...["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"],
      ]
    : undefined;
  const options = () => ({ env: { TMPDIR: folder }, ...(below && { below }) });
  const reason = process.platform === "linux" ? "not root" : `not Linux but ${process.platform}`;

  function expectStory({ code, stdout, stderr }: Ending, why: string): void {
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n").filter((line) => line.includes("SIMULATED"))).toEqual([
      `SIMULATED: no container was started (${why})`,
    ]);
    expect(stdout).toContain("web's page over localhost");
    expect(stdout).toMatch(/visitor │ Hello from the container next door!/);
    expect(stdout).toContain("says demo, exit code 0");
    expect(stdout).toContain("the pod is ready, 2 of 2 containers run");
    expect(stdout).toContain("exit code 0, Completed");
    expect(stdout).toContain("no pod, no container, no image is left");
    const stages = stdout.split("\n").filter((line) => line.startsWith("  ✓"));
    for (const stage of stages) expect(stage).toMatch(/^ {2}✓ +[\d.]+ m?s {2}\S/);
    expect(stdout).toMatch(
      new RegExp(`\\n {2}${stages.length} stages in [\\d.]+ m?s\\. Nothing was left behind\\.\\n`),
    );
    expect(
      Math.max(...stdout.split("\n").map((line) => (line.startsWith("SIMULATED") ? 0 : line.length))),
    ).toBeLessThanOrEqual(80);
    expect(stdout.split("\n").length).toBeLessThanOrEqual(36);
  }

  it("without root tells one pod's life, says in one line that it is simulated, and ends well, twice", async () => {
    for (let round = 0; round < 2; round++) {
      expectStory(await keelson(["demo"], options()), reason);
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it("takes everything back when it is interrupted", async () => {
    const running = startKeelson(["demo"], options());
    await until(() => expect(running.stdout).toContain("make the pod"));
    running.process.kill("SIGTERM");
    const { code, stdout } = await running.ended;
    expect(code).toBe(143);
    expect(stdout).toMatch(/✓ .* interrupted: clear up\n$/);
    expect(await readdir(folder)).toEqual([]);
  });

  it.skipIf(!isRoot || process.platform !== "linux")("names the programs that are not there", async () => {
    const bin = join(folder, "bin");
    await mkdir(bin);
    for (const name of ["sh", "dirname", "readlink"]) {
      const { stdout } = await promisify(execFile)("sh", ["-c", `command -v ${name}`]);
      await symlink(stdout.trim(), join(bin, name));
    }
    const ending = await keelson(["demo"], { env: { TMPDIR: folder, PATH: bin } });
    const [, why = ""] = /SIMULATED: no container was started \((.*)\)/.exec(ending.stdout) ?? [];
    expect(why).toMatch(/^not installed: .*conmon/);
    expectStory(ending, why);
  });
});
