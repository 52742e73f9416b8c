import process from "node:process";
import { expect, test } from "vitest";
import { end, run } from "./command.ts";

const node = (code: string): readonly string[] => [process.execPath, "--input-type=module", "--eval", code];

test("a program's output and exit code are told", async () => {
  expect(await end(node("console.log('out'); console.error('err'); process.exitCode = 3"))).toEqual({
    code: 3,
    stdout: "out\n",
    stderr: "err\n",
  });
  await expect(run(node("console.log('why'); process.exitCode = 3"))).rejects.toThrow(/exit code 3\nwhy/);
});

test("a program that is not there fails", async () => {
  expect(await end(["/nonexistent/program"])).toMatchObject({ code: -1, stderr: expect.stringContaining("ENOENT") });
});

test("a program that does not end is killed", async () => {
  const ended = await end(node("setInterval(() => {}, 1000)"), { timeoutMs: 300 });
  expect(ended).toMatchObject({ code: -1, stderr: expect.stringContaining("no end in 300 ms") });
});

test("what a program started does not outlive it", async () => {
  // its output is open until the last of them has ended
  expect(await end(["sh", "-c", "sleep 600 & echo started"])).toEqual({ code: 0, stdout: "started\n", stderr: "" });
});
