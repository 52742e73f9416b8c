import { appendFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { followLog, type LogChunk } from "./follow-log.ts";

const line = (text: string, tag = "F", stream = "stdout"): string =>
  `2026-11-24T17:35:20.000000001Z ${stream} ${tag} ${text}\n`;

async function collect(log: AsyncIterable<LogChunk>): Promise<LogChunk[]> {
  const chunks: LogChunk[] = [];
  for await (const chunk of log) chunks.push(chunk);
  return chunks;
}

describe("followLog()", () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-log-"));
    file = join(folder, "main.log");
  });
  afterEach(() => rm(folder, { recursive: true }));
  const read = (chunk: LogChunk | undefined): string => Buffer.from(chunk?.bytes ?? []).toString("latin1");

  async function all(ended: Promise<unknown> = Promise.resolve()): Promise<LogChunk[]> {
    return await collect(followLog(file, ended));
  }

  it("reads what is there when the container has ended", async () => {
    await writeFile(file, line("a") + line("b", "P", "stderr") + line("", "F", "stderr"));
    expect((await all()).map((chunk) => ({ ...chunk, bytes: read(chunk) }))).toEqual([
      { stream: "stdout", partial: false, bytes: "a" },
      { stream: "stderr", partial: true, bytes: "b" },
      { stream: "stderr", partial: false, bytes: "" },
    ]);
  });

  it("waits for the file, for more of it, and for the rest of a line", async () => {
    const ended = Promise.withResolvers<void>();
    const log = followLog(file, ended.promise);
    const first = log.next();
    await writeFile(file, line("a").slice(0, -1));
    await appendFile(file, `\n${line("b").slice(0, 20)}`);
    expect(read((await first).value ?? undefined)).toBe("a");
    const second = log.next();
    await appendFile(file, line("b").slice(20));
    expect(read((await second).value ?? undefined)).toBe("b");
    const third = log.next();
    ended.resolve();
    expect((await third).done).toBe(true);
  });

  it("reads to the end also when the wait for the container fails", async () => {
    await writeFile(file, line("a"));
    expect((await all(Promise.reject(new Error("gone")))).map(read)).toEqual(["a"]);
  });

  it("ends when there never was a file", async () => {
    expect(await all()).toEqual([]);
  });

  it("passes bytes on as they are, also when a part ends within a character", async () => {
    const bytes = Buffer.from([0xff, 0xe4, 0x00, 0x9b]);
    await writeFile(file, Buffer.concat([Buffer.from(line("").slice(0, -1)), bytes, Buffer.from("\n")]));
    expect(Buffer.from((await all())[0]?.bytes ?? [])).toEqual(bytes);
  });

  it("leaves out lines that are in no format, and those without an end", async () => {
    await writeFile(file, `${line("a")}no log line\n${line("b")}${"x".repeat(3 * 1024 * 1024)}\n${line("c")}`);
    expect((await all()).map(read)).toEqual(["a", "b", "c"]);
  });

  it("does not hide that it may not read the file", async () => {
    await expect(collect(followLog(join(file, "below"), Promise.resolve()))).rejects.toThrow(/ENOENT|ENOTDIR/);
    await writeFile(file, "");
    await expect(collect(followLog(join(folder, "."), Promise.resolve()))).rejects.toThrow("EISDIR");
  });
});
