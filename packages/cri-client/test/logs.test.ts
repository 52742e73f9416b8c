import { execFile } from "node:child_process";
import { appendFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { formatLogLine, type LogStream } from "@keelson/cri-api/logs";
import {
  type FollowedLog,
  type FollowLogOptions,
  followLog,
  type LogEvent,
  type LogLine,
} from "@keelson/cri-client/logs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-logs-"));
  path = join(folder, "0.log");
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Written {
  readonly timeNs?: bigint;
  readonly stream?: LogStream;
  readonly partial?: boolean;
}

const line = (text: string, { timeNs = 1n, stream = "stdout", partial = false }: Written = {}): string =>
  formatLogLine({ timeNs, stream, partial, text });

async function all(log: AsyncIterable<LogLine>): Promise<readonly string[]> {
  const texts: string[] = [];
  for await (const { text, partial } of log) texts.push(`${text}${partial ? "+" : ""}`);
  return texts;
}

async function next(log: FollowedLog): Promise<string> {
  const { value } = await log.next();
  return value?.text ?? "(end)";
}

describe("followLog()", () => {
  it("reads what is there and waits for more, until a signal fires", async () => {
    const end = new AbortController();
    await writeFile(path, line("a") + line("b"));
    const log = followLog(path, { signal: end.signal });
    expect([await next(log), await next(log)]).toEqual(["a", "b"]);
    const third = next(log);
    await appendFile(path, line("c").slice(0, 20));
    await appendFile(path, line("c").slice(20));
    expect(await third).toBe("c");
    const end4 = log.next();
    end.abort();
    expect(await end4).toEqual({ done: true, value: undefined });
    expect(await log.next()).toEqual({ done: true, value: undefined });
  });

  it("reads all that was written before its end, then ends, also while more is being written", async () => {
    const end = Promise.withResolvers<void>();
    await writeFile(path, line("first"));
    const log = followLog(path, { until: end.promise });
    expect(await next(log)).toBe("first");
    await appendFile(path, Array.from({ length: 5000 }, (_, i) => line(`${i}`)).join(""));
    end.resolve();
    const texts: string[] = [];
    for await (const { text } of log) {
      texts.push(text);
      if (texts.length % 100 === 0) await appendFile(path, line("after the end"));
    }
    expect(texts.slice(0, 5000)).toEqual(Array.from({ length: 5000 }, (_, i) => `${i}`));
    expect(texts.length).toBeLessThan(5100);
  });

  it("ends also where what it waits for fails, and where it had ended before", async () => {
    await writeFile(path, line("a"));
    expect(await all(followLog(path, { until: Promise.reject(new Error("gone")) }))).toEqual(["a"]);
    expect(await all(followLog(path, { signal: AbortSignal.abort() }))).toEqual(["a"]);
    expect(await all(followLog(join(folder, "nothing"), { signal: AbortSignal.abort() }))).toEqual([]);
  });

  it("waits for a log that is not there yet, in a folder that is not there yet", async () => {
    const deep = join(folder, "pod", "main", "0.log");
    const log = followLog(deep, { pollMs: 20 });
    const first = next(log);
    await mkdir(join(folder, "pod", "main"), { recursive: true });
    await writeFile(deep, line("a"));
    expect(await first).toBe("a");
    await log.return();
  });

  it("ends at once when it is left, also while it waits", async () => {
    await writeFile(path, line("a"));
    const log = followLog(path);
    await next(log);
    const waiting = log.next();
    expect(await log.return()).toEqual({ done: true, value: undefined });
    expect((await waiting).done).toBe(true);
    for await (const one of followLog(path)) {
      expect(one.text).toBe("a");
      break;
    }
    await using unused = followLog(path);
    expect(unused).toBeDefined();
  });

  it("keeps no file open and no process alive once it has ended", async () => {
    await writeFile(path, line("a"));
    const script = `
      const { followLog } = await import(process.argv[1]);
      for await (const { text } of followLog(process.argv[2])) { console.log(text); break; }
      for await (const { text } of followLog(process.argv[2], { until: Promise.resolve() })) console.log(text);
    `;
    const args = ["--input-type=module", "--eval", script, import.meta.resolve("@keelson/cri-client/logs"), path];
    expect((await promisify(execFile)(process.execPath, args, { timeout: 20_000 })).stdout).toBe("a\na\n");
  });

  it("passes bytes on as they are, and joins parts that end within a character", async () => {
    const euro = Buffer.from("€");
    const head = (tag: string): string => `2026-11-24T18:35:20.000000001+01:00 stdout ${tag} `;
    const bad = Buffer.from([0xff, 0x00, 0x9b]);
    await writeFile(
      path,
      Buffer.concat([
        Buffer.from(head("P")),
        euro.subarray(0, 1),
        Buffer.from(`\n${line("between", { stream: "stderr" })}${head("F:more")}`),
        euro.subarray(1),
        Buffer.from(`\n${head("F")}`),
        bad,
        Buffer.from("\n"),
      ]),
    );
    const lines: LogLine[] = [];
    for await (const one of followLog(path, { follow: false })) lines.push(one);
    expect(lines.map(({ text }) => text)).toEqual(["between", "€", "\ufffd\u0000\ufffd"]);
    expect(Buffer.from(lines[2]?.bytes ?? [])).toEqual(bad);
    expect(lines[1]?.timeNs).toBe(BigInt(Date.parse("2026-11-24T17:35:20Z")) * 1_000_000n + 1n);
  });

  it("survives malformed lines, leaves them out and tells them", async () => {
    const events: LogEvent[] = [];
    const junk = "no log line";
    await writeFile(path, `${line("a")}${junk}\n${line("b")}\n${line("c")}\u0000\u0000${line("d")}`);
    const log = followLog(path, { follow: false, onEvent: (event) => events.push(event) });
    expect(await all(log)).toEqual(["a", "b", "c"]);
    expect(events).toMatchObject([
      {
        type: "malformed",
        path,
        offset: line("a").length,
        lengthBytes: junk.length,
        count: 1,
        sample: new TextEncoder().encode(junk),
      },
      { type: "malformed", lengthBytes: 0, count: 2 },
      { type: "malformed", count: 3 },
    ]);
  });

  it("hands out long lines in marked parts, without holding them", async () => {
    const long = "x".repeat(3000);
    await writeFile(path, line(long) + line(long, { partial: true }) + line("end"));
    const parts: LogLine[] = [];
    for await (const one of followLog(path, { follow: false, maxLineBytes: 1000 })) parts.push(one);
    expect(parts.every(({ bytes }) => bytes.length <= 1000)).toBe(true);
    expect(parts.map(({ partial }) => partial).filter((partial) => !partial)).toHaveLength(2);
    expect(parts.map(({ text }) => text).join("")).toBe(`${long}${long}end`);
  });

  it("leaves out what is older, and other streams", async () => {
    const at = (s: number): bigint => BigInt(s) * 1_000_000_000n;
    const texts = [1, 2, 3, 4].map((s) => line(`${s}`, { timeNs: at(s), stream: s === 3 ? "stderr" : "stdout" }));
    await writeFile(path, texts.join(""));
    const read = (options: Parameters<typeof followLog>[1]): Promise<readonly string[]> =>
      all(followLog(path, { follow: false, ...options }));
    expect(await read({ since: new Date(2000) })).toEqual(["2", "3", "4"]);
    expect(await read({ sinceNs: at(2) + 1n })).toEqual(["3", "4"]);
    expect(await read({ sinceNs: at(2), tail: 2 })).toEqual(["3", "4"]);
    expect(await read({ sinceNs: at(4), tail: 2 })).toEqual(["4"]);
    expect(await read({ streams: ["stderr"] })).toEqual(["3"]);
    expect(await read({ streams: ["stdout"], tail: 2 })).toEqual(["2", "4"]);
  });

  it("begins with the last lines and goes on with new ones", async () => {
    await writeFile(path, line("a") + line("b") + line("c"));
    const log = followLog(path, { tail: 1 });
    expect(await next(log)).toBe("c");
    await appendFile(path, line("d"));
    expect(await next(log)).toBe("d");
    await log.return();
    const fresh = followLog(path, { tail: 0 });
    const first = fresh.next();
    // its watch is there once it has looked for the tail; a line that comes before or after is the first one all the same
    await expect.poll(() => openFiles(path)).toBe(1);
    await appendFile(path, line("e"));
    expect((await first).value?.text).toBe("e");
    await fresh.return();
  });

  it.each([
    ["a missing file, unless it is followed", "missing", "NOT_FOUND"],
    ["a folder", "folder", "FAILED_PRECONDITION"],
    ["a path below a file", "file/below", "FAILED_PRECONDITION"],
    ["a FIFO, without waiting for a writer", "fifo", "FAILED_PRECONDITION"],
    ["links in a circle", "circle", "FAILED_PRECONDITION"],
  ])("tells %s by its category", async (_, name, code) => {
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "file"), "");
    await symlink("circle", join(folder, "circle"));
    await promisify(execFile)("mkfifo", [join(folder, "fifo")]);
    const file = join(folder, name);
    await expect(all(followLog(file, { follow: false }))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(file),
    });
    if (code === "FAILED_PRECONDITION") await expect(all(followLog(file))).rejects.toMatchObject({ code });
  });

  it("refuses options that mean nothing", () => {
    const bad: readonly FollowLogOptions[] = [
      { tail: -1 },
      { tail: 1.5 },
      { maxLineBytes: 10 },
      { pollMs: 0 },
      { streams: [] },
      { streams: ["stdin" as LogStream] },
      { since: new Date(Number.NaN) },
      { since: new Date(), sinceNs: 1n },
    ];
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" });
    for (const options of bad) expect(() => followLog(path, options)).toThrow(refused);
    expect(() => followLog("")).toThrow(refused);
  });

  it("ends with what its caller's function throws", async () => {
    await writeFile(path, "junk\n");
    const oops = new Error("oops");
    const onEvent = (): void => {
      throw oops;
    };
    await expect(all(followLog(path, { onEvent }))).rejects.toBe(oops);
  });
});

/** How many descriptors this process has on a file, whatever its name is now. */
async function openFiles(file: string): Promise<number> {
  const names = await readdir("/proc/self/fd");
  const targets = await Promise.all(names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")));
  return targets.filter((target) => target === file || target === `${file} (deleted)`).length;
}

describe("a rotation", () => {
  it("is followed through the time in which no file is there", async () => {
    const events: LogEvent[] = [];
    await writeFile(path, line("a"));
    const log = followLog(path, { onEvent: (event) => events.push(event) });
    expect(await next(log)).toBe("a");
    const second = next(log);
    await rename(path, `${path}.20261124-173520`);
    await appendFile(`${path}.20261124-173520`, line("b"));
    expect(await second).toBe("b");
    const third = next(log);
    await writeFile(path, line("c"));
    expect(await third).toBe("c");
    expect(events).toEqual([{ type: "rotated", path }]);
    await log.return();
    expect(await openFiles(`${path}.20261124-173520`)).toBe(0);
  });

  it("whose new file is rotated too, before anybody looks and with none after it, is read to the end", async () => {
    const end = Promise.withResolvers<void>();
    await writeFile(path, line("a"));
    const log = followLog(path, { until: end.promise });
    expect(await next(log)).toBe("a");
    renameSync(path, `${path}.1`);
    tick();
    writeFileSync(path, line("b"));
    renameSync(path, `${path}.2`);
    end.resolve();
    expect(await all(log)).toEqual(["b"]);
  });

  it("whose old file is gone before the new one is seen is told", async () => {
    const events: LogEvent[] = [];
    await writeFile(path, line("a"));
    const log = followLog(path, { onEvent: (event) => events.push(event) });
    expect(await next(log)).toBe("a");
    rmSync(path);
    writeFileSync(path, line("b"));
    expect(await next(log)).toBe("b");
    expect(events).toEqual([
      { type: "missed", path },
      { type: "rotated", path },
    ]);
    await log.return();
  });

  it("by a file that is renamed over the log is followed too", async () => {
    await writeFile(path, line("a"));
    const log = followLog(path);
    expect(await next(log)).toBe("a");
    await link(path, `${path}.1`);
    await appendFile(path, line("b"));
    await writeFile(`${path}.tmp`, line("c"));
    await rename(`${path}.tmp`, path);
    expect([await next(log), await next(log)]).toEqual(["b", "c"]);
    await log.return();
  });

  it("joins a line that begins in one file and ends in the next", async () => {
    await writeFile(path, line("a", { partial: true }));
    const log = followLog(path);
    const first = next(log);
    await expect.poll(() => openFiles(path)).toBe(1);
    await rename(path, `${path}.1`);
    await writeFile(path, line("b"));
    expect(await first).toBe("ab");
    await log.return();
  });

  it("takes what a writer still writes into the old file when the new one is there already", async () => {
    await writeFile(path, line("1"));
    const log = followLog(path);
    expect(await next(log)).toBe("1");
    const rest = [next(log), next(log), next(log)];
    await rename(path, `${path}.1`);
    await writeFile(path, line("4"));
    await expect.poll(() => openFiles(path), { interval: 2 }).toBe(1);
    appendFileSync(`${path}.1`, line("2"));
    appendFileSync(`${path}.1`, line("3"));
    expect(await Promise.all(rest)).toEqual(["2", "3", "4"]);
    await log.return();
  });

  it("is not missed by a slow reader: files are read after they were removed", async () => {
    await writeFile(path, line("0"));
    const log = followLog(path, { pollMs: 20 });
    expect(await next(log)).toBe("0");
    for (let i = 1; i <= 5; i++) {
      await rename(path, `${path}.${i}`);
      await writeFile(path, line(`${i}`));
      await expect.poll(() => openFiles(path)).toBe(1);
      if (i > 1) await rm(`${path}.${i - 1}`);
    }
    const texts: string[] = [];
    while (texts.length < 5) texts.push(await next(log));
    expect(texts).toEqual(["1", "2", "3", "4", "5"]);
    await log.return();
  });

  it("of a log that several files took the place of meanwhile reads each of them", async () => {
    await writeFile(path, line("0"));
    await writeFile(`${path}.20261124-000000`, line("older than what is followed"));
    await writeFile(path, line("0"));
    const log = followLog(path);
    expect(await next(log)).toBe("0");
    // nothing of this can be seen in between: this thread does not yield
    for (const i of [1, 2, 3]) {
      renameSync(path, `${path}.20261124-00000${i}`);
      tick();
      writeFileSync(path, line(`${i}`));
      tick();
    }
    writeFileSync(`${path}.20261124-000002.gz`, "compressed");
    expect([await next(log), await next(log), await next(log)]).toEqual(["1", "2", "3"]);
    await log.return();
  });

  it("is followed through symbolic links, and by a link that leads elsewhere", async () => {
    const pods = join(folder, "pods", "main");
    const links = join(folder, "containers");
    await mkdir(pods, { recursive: true });
    await mkdir(links);
    const name = join(links, "main.log");
    await writeFile(join(pods, "0.log"), line("a"));
    await symlink(join(pods, "0.log"), name);
    const log = followLog(name);
    expect(await next(log)).toBe("a");
    await rename(join(pods, "0.log"), join(pods, "0.log.20261124-173520"));
    await writeFile(join(pods, "0.log"), line("b"));
    expect(await next(log)).toBe("b");
    await writeFile(join(pods, "1.log"), line("c"));
    await symlink(join(pods, "1.log"), `${name}.new`);
    await rename(`${name}.new`, name);
    expect(await next(log)).toBe("c");
    await log.return();
  });

  it("by truncation is read from the start again", async () => {
    const events: LogEvent[] = [];
    await writeFile(path, line("a long line") + line("begun", { partial: true }));
    const log = followLog(path, { onEvent: (event) => events.push(event) });
    expect(await next(log)).toBe("a long line");
    const second = log.next();
    await truncate(path, 0);
    expect((await second).value).toMatchObject({ text: "begun", partial: true });
    const third = next(log);
    await appendFile(path, line("b"));
    expect(await third).toBe("b");
    expect(events).toEqual([{ type: "truncated", path }]);
    await log.return();
  });
});

/** Until the clock of the file system has moved on, some milliseconds. */
function tick(): void {
  const end = performance.now() + 12;
  while (performance.now() < end);
}

describe("bounded memory", () => {
  it("is kept over one line without an end, in the format or in none", async () => {
    const script = `
      const { followLog } = await import(process.argv[1]);
      const [, , path, tag] = process.argv;
      let bytes = 0;
      for await (const line of followLog(path, { follow: false })) bytes += line.bytes.length;
      console.log(bytes, Math.round(process.resourceUsage().maxRSS / 1024));
    `;
    const size = 384 * 1024 * 1024;
    const module = import.meta.resolve("@keelson/cri-client/logs");
    const most: number[] = [];
    for (const head of [line("").slice(0, -1), "", `${line("x")}`]) {
      await writeFile(path, head);
      await truncate(path, size);
      const args = ["--input-type=module", "--eval", script, module, path];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
      const [bytes = 0, rssMib = 0] = stdout.split(" ").map(Number);
      expect(bytes).toBe(head === "" ? 0 : head.endsWith("\n") ? 1 : size - head.length);
      most.push(rssMib);
    }
    expect(Math.max(...most)).toBeLessThan(256);
  }, 120_000);
});
