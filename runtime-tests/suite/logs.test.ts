import { appendFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatLogLine, formatLogLineBytes, parseLogLine } from "@keelson/cri-api/logs";
import { followLog } from "@keelson/cri-client/logs";
import { describe, expect, test } from "vitest";
import { usePeers } from "./peer.ts";

const startNs = 1_700_000_000_000_000_000n;
const line = (text: string, more: { partial?: boolean; stream?: "stdout" | "stderr"; after?: bigint } = {}): string =>
  formatLogLine({
    timeNs: startNs + (more.after ?? 0n),
    stream: more.stream ?? "stdout",
    partial: more.partial ?? false,
    text,
  });

describe("logs", () => {
  const peers = usePeers();
  const path = (): string => join(peers.folder, "0.log");

  test("a line is written and read byte for byte", () => {
    const bytes = Uint8Array.of(0xff, 0x00, 0x20, 0xe2);
    const written = formatLogLineBytes({ timeNs: startNs + 1n, stream: "stderr", bytes });
    expect(written.at(-1)).toBe(10);
    expect(parseLogLine("2023-11-14T23:13:20.000000001+01:00 stderr P wéb 🚢")).toMatchObject({
      timeNs: startNs + 1n,
      stream: "stderr",
      partial: true,
      text: "wéb 🚢",
    });
    expect(parseLogLine("not a line")).toBeUndefined();
  });

  test("a log is read to its end, its parts joined, malformed lines told", async () => {
    await writeFile(
      path(),
      `${line("one ", { partial: true })}${line("two")}garbage\n${line("three", { stream: "stderr" })}`,
    );
    const told: string[] = [];
    const texts: string[] = [];
    const log = followLog(path(), { follow: false, onEvent: ({ type }) => told.push(type) });
    for await (const { stream, text } of log) texts.push(`${stream} ${text}`);
    expect([texts, told]).toEqual([["stdout one two", "stderr three"], ["malformed"]]);
  });

  test("the last lines, and those since a time", async () => {
    await writeFile(path(), ["1", "2", "3", "4"].map((text) => line(text, { after: BigInt(text) })).join(""));
    const read = async (options: { tail?: number; sinceNs?: bigint }): Promise<readonly string[]> => {
      const texts: string[] = [];
      for await (const { text } of followLog(path(), { follow: false, ...options })) texts.push(text);
      return texts;
    };
    expect(await read({ tail: 2 })).toEqual(["3", "4"]);
    expect(await read({ sinceNs: startNs + 2n })).toEqual(["2", "3", "4"]);
  });

  test("what is written later comes, also after a rotation", async () => {
    await writeFile(path(), line("first"));
    const told: string[] = [];
    const texts: string[] = [];
    for await (const { text } of followLog(path(), { pollMs: 50, onEvent: ({ type }) => told.push(type) })) {
      texts.push(text);
      if (text === "first") await appendFile(path(), line("second"));
      if (text === "second") {
        await rename(path(), `${path()}.20260101-000000`);
        await appendFile(`${path()}.20260101-000000`, line("late"));
        await writeFile(path(), line("third"));
      }
      if (text === "third") break;
    }
    expect(texts).toEqual(["first", "second", "late", "third"]);
    expect(told).toContain("rotated");
  });

  test("a log that is not there yet is waited for, until the caller has had enough", async () => {
    const caller = new AbortController();
    const log = followLog(path(), { pollMs: 50, signal: caller.signal });
    const first = log.next();
    await writeFile(path(), line("here"));
    expect((await first).value).toMatchObject({ text: "here", timeNs: startNs });
    const last = log.next();
    caller.abort();
    expect((await last).done).toBe(true);
  });

  test("a log that is not there is an error where nothing is followed", async () => {
    await expect(followLog(path(), { follow: false }).next()).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
