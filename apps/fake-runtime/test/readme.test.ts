import { readFile } from "node:fs/promises";
import { parseScript } from "@keelson/runtime-core/sim";
import { expect, test } from "vitest";

test("the script in the README is a script", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const [, json = ""] = /```json\n([\s\S]*?)```/.exec(readme) ?? [];
  const { containers, images, handlers } = parseScript(JSON.parse(json), "README.md");
  expect([...containers.keys()]).toEqual(["job", "web", "busy", "stubborn", "broken", "greedy"]);
  expect([images?.length, handlers]).toEqual([2, ["sandboxed"]]);
});
