import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { testFolder } from "./server-harness.ts";

test("the example in the README runs", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, example = ""] = /```ts\n([\s\S]*?)```/.exec(readme) ?? [];
  const folder = await testFolder();
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module-typescript", "--eval", example.replace("/tmp/example", folder)],
    { cwd: new URL("..", import.meta.url), timeout: 30_000 },
  );
  expect(stdout).toBe(`listening on unix://${folder}/cri.sock\n`);
});
