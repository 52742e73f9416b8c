import { execFile, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { podConfig } from "../src/pod/pod-config.ts";
import { type FakeNode, startFakeNode } from "./harness/fake-node.ts";
import { keelsonCommand } from "./harness/keelson.ts";

/** util-linux's `script`, which every Debian has: it runs a command on a terminal of its own. */
const script = process.platform === "linux" && spawnSync("script", ["--version"]).status === 0;
const hostile = "\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil";

describe.skipIf(!script)("keelson on a terminal", { timeout: 30_000 }, () => {
  let node: FakeNode;
  beforeAll(async () => {
    node = await startFakeNode({
      log: [{ text: `log ${hostile}` }, { text: `complaint ${hostile}`, stream: "stderr", atMs: 10 }],
      exit: { code: 3, afterMs: 50 },
    });
  });
  afterAll(() => node[Symbol.asyncDispose]());

  /** What the terminal got, and how the command ended. */
  async function onTerminal(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const words = [keelsonCommand, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const file = join(node.folder, `${randomUUID()}.sh`);
    await writeFile(file, `stty cols 70 rows 24\nexec ${words}\n`);
    const { PATH = "", HOME = "/" } = process.env;
    const options = { env: { PATH, HOME, TERM: "xterm", ...node.env, ...env } };
    try {
      const { stdout } = await promisify(execFile)("script", ["-qec", `sh ${file}`, "/dev/null"], options);
      return { code: 0, text: stdout };
    } catch (error) {
      const { code, stdout } = error as { code: number; stdout: string };
      return { code, text: stdout };
    }
  }

  /** Our own: what writes the line with the elapsed time anew. */
  const withoutOurs = (text: string): string => text.replaceAll("\r\u001b[2K", "").replaceAll("\r\n", "\n");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is what is tested
  const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

  it("T8.07 shows control characters of a log instead of obeying them", async () => {
    const { code, text } = await onTerminal(["run", "busybox"]);
    expect(code).toBe(3);
    const shown = withoutOurs(text);
    expect(shown).toContain("log \\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eevil\n");
    expect(shown).toContain("complaint \\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eevil\n");
    expect(shown).not.toMatch(control);
  });

  it("T8.07 shows those of names in a list", async () => {
    await using cri = await node.connect();
    const logDirectory = join(node.folder, "logs");
    await mkdir(logDirectory);
    const config = podConfig({ name: `pod ${hostile}`, uid: randomUUID(), logDirectory, hostNetwork: true });
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
    const { code, text } = await onTerminal(["pods"]);
    expect(code).toBe(0);
    expect(withoutOurs(text)).toContain("pod \\x1b]0;owned\\x07\\x1b[2J\\x9b31m\\u202eevil");
    expect(withoutOurs(text)).not.toMatch(control);
    await cri.runtime.removePodSandbox({ podSandboxId });
  });

  it.each([
    ["pull", ["pull", hostile]],
    ["run", ["run", hostile]],
    ["rm", ["rm", hostile]],
    ["rmi", ["rmi", hostile]],
    ["an unknown command", [hostile]],
    ["an unknown option", ["pods", `--${hostile}`]],
  ])("T8.07 shows those of an error about %s", async (_, args) => {
    const { code, text } = await onTerminal(args);
    expect(code).toBe(1);
    expect(withoutOurs(text)).toContain("keelson: ");
    expect(withoutOurs(text)).not.toMatch(control);
  });

  it("shows the time of a pull while it lasts, on one line of the terminal's width", async () => {
    const hold = node.faults.hold("image.pull");
    const name = `busybox/${"very-long-".repeat(12)}name`;
    const ending = onTerminal(["pull", name]);
    await hold.arrived(1);
    hold.release();
    const { text } = await ending;
    const lines = text.split("\r\u001b[2K").filter((line) => line.includes("pull ") && !line.includes("\n"));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line.length).toBeLessThan(70);
    expect(withoutOurs(text)).toContain(`pull ${name}: failed after `);
  });

  it("writes no line anew on a terminal that can't", async () => {
    const { text } = await onTerminal(["pull", "busybox"], { TERM: "dumb" });
    expect(text.replaceAll("\r\n", "\n")).toMatch(/^pull busybox: [\d.]+ m?s\n\S+\n$/);
  });
});
