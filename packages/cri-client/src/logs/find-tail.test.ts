import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatLogLineBytes, type LogStream } from "@keelson/cri-api/logs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { followLog, type LogLine } from "./index.ts";

const both: readonly LogStream[] = ["stdout", "stderr"];

describe("followLog({ tail })", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-tail-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  async function read(
    file: string,
    tail: number | undefined,
    streams: readonly LogStream[],
  ): Promise<readonly string[]> {
    const lines: LogLine[] = [];
    const options = { follow: false, streams, ...(tail !== undefined && { tail }) };
    for await (const line of followLog(file, options)) lines.push(line);
    return lines.map(({ stream, text, partial }) => `${stream} ${text}${partial ? "+" : ""}`);
  }

  it("is the end of all lines, whatever they are", async () => {
    // some texts are longer than a block, so that lines lie across blocks and blocks within lines
    const text = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.integer({ min: 1000, max: 150_000 }).map((n) => "x".repeat(n)),
    );
    const line = fc.record({
      text: text.map((one) => one.replaceAll("\n", "")),
      stream: fc.constantFrom(...both),
      partial: fc.boolean(),
      junk: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    });
    const chosen = fc.constantFrom<readonly LogStream[]>(both, ["stdout"], ["stderr"]);
    const file = join(folder, "property.log");
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 30 }),
        fc.nat(12),
        chosen,
        fc.boolean(),
        async (list, tail, streams, cut) => {
          // a file in which each line has its end: what is open at the end comes in addition to the last lines
          const ends = both.map((stream) => ({ text: "end", stream, partial: false, junk: false }));
          const data = Buffer.concat(
            [...list, ...ends].map((one) => {
              const bytes = new TextEncoder().encode(one.text);
              return one.junk ? Buffer.from(`${one.text}\n`) : formatLogLineBytes({ timeNs: 1n, ...one, bytes });
            }),
          );
          await writeFile(file, cut ? data.subarray(0, -1) : data);
          const all = await read(file, undefined, streams);
          const last = cut && streams.includes("stderr");
          const want = all.slice(tail === 0 ? (last ? -1 : all.length) : -tail);
          expect(await read(file, tail, streams)).toEqual(want);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);

  it("reads only what it needs of a large file", async () => {
    const file = join(folder, "large.log");
    const handle = await open(file, "w");
    // 10 GiB without a block on the disk
    const at = 10 * 1024 ** 3;
    const line = formatLogLineBytes({ timeNs: 1n, stream: "stdout", bytes: new TextEncoder().encode("last") });
    await handle.write(Buffer.concat([Buffer.from("\n"), line, line]), 0, undefined, at);
    await handle.close();
    expect(await read(file, 1, ["stdout"])).toEqual(["stdout last"]);
  });

  it("reads the beginning of a line in parts as far back as a line may be long", async () => {
    const file = join(folder, "parts.log");
    const bytes = new TextEncoder().encode("p".repeat(1000));
    const part = formatLogLineBytes({ timeNs: 1n, stream: "stdout", partial: true, bytes });
    const end = formatLogLineBytes({ timeNs: 1n, stream: "stdout", bytes });
    await writeFile(file, Buffer.concat([end, ...Array.from({ length: 50 }, () => part), end]));
    const [line, ...more] = await read(file, 1, both);
    expect(line).toHaveLength("stdout ".length + 51_000);
    expect(more).toEqual([]);
  });
});
