import { parseLogLine } from "@keelson/cri-api/logs";
import { expect, test } from "vitest";
import { scriptLogLines } from "./log-lines.ts";

const read = (text: string) =>
  scriptLogLines({ text, stream: "stderr" }, 1n).map((line) => parseLogLine(line.trimEnd()));

test("a text is as many lines as it has line feeds", () => {
  expect(read("a\n\nb\n").map((entry) => entry?.text)).toEqual(["a", "", "b"]);
  expect(read("").map((entry) => entry?.text)).toEqual([""]);
  expect(read("\n").map((entry) => entry?.text)).toEqual([""]);
});

test("a long line is written in parts, cut between characters", () => {
  const text = "中".repeat(3000) + "𝄞".repeat(3000);
  const entries = read(text);
  expect(entries.map((entry) => entry?.partial)).toEqual([true, true, false]);
  expect(entries.map((entry) => entry?.text).join("")).toBe(text);
  for (const entry of entries) {
    expect(new TextEncoder().encode(entry?.text).length).toBeLessThanOrEqual(8192);
    expect(entry?.text.isWellFormed()).toBe(true);
  }
});
