import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { followLog, type LogEvent } from "@keelson/cri-client/logs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

/**
 * A runtime and a kubelet in one process, at full speed: numbered lines on both streams, each seventh in three parts,
 * and rotations as the kubelet makes them: for a while there is no file, and lines still go into the old one.
 */
const writer = `
  const fs = await import("node:fs");
  const [, path, rotations, linesEach] = process.argv;
  const time = "2026-11-24T17:35:20.123456789+01:00";
  const streams = ["stdout", "stderr"];
  const next = { stdout: 0, stderr: 0 };
  const openLog = () => fs.openSync(path, "a");
  let fd = openLog();
  let count = 0;
  const write = (lines) => {
    let text = "";
    for (let i = 0; i < lines; i++) {
      const stream = streams[count++ % 3 === 0 ? 1 : 0];
      const words = String(next[stream]++);
      if (count % 7 === 0) {
        const other = stream === "stdout" ? "stderr" : "stdout";
        text += time + " " + stream + " P <" + "\\n";
        text += time + " " + other + " F " + next[other]++ + "\\n";
        text += time + " " + stream + " P " + words + "\\n" + time + " " + stream + " F >\\n";
      } else text += time + " " + stream + " F " + words + "\\n";
    }
    fs.writeSync(fd, text);
  };
  write(1);
  // until the reader has begun: it would begin with the file that is there then
  await new Promise((resolve) => process.stdin.once("data", resolve));
  for (let r = 0; r < Number(rotations); r++) {
    for (let left = Number(linesEach); left > 0; left -= 50) write(50);
    const name = path + ".20261124-" + String(r).padStart(6, "0");
    fs.renameSync(path, name);
    write(20);
    fs.closeSync(fd);
    fd = openLog();
  }
  write(1);
  fs.writeSync(1, JSON.stringify(next));
  process.stdin.destroy();
`;

let folder: string;
let path: string;
let child: ChildProcess | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-rotation-"));
  path = join(folder, "0.log");
});
afterEach(async () => {
  child?.kill("SIGKILL");
  await rm(folder, { recursive: true, force: true });
});

async function write(rotations: number, linesEach: number): Promise<Record<string, number>> {
  const args = ["--input-type=module", "--eval", writer, path, String(rotations), String(linesEach)];
  const started = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  child = started;
  let told = "";
  started.stdout.setEncoding("utf8").on("data", (text: string) => {
    told += text;
  });
  const [code] = await once(started, "close");
  expect(code).toBe(0);
  return JSON.parse(told) as Record<string, number>;
}

describe("a log that is rotated under its writer at full speed", () => {
  it("is read with every line once and in order, also where files come faster than they are read", async () => {
    const [rotations, linesEach] = [15, 8000];
    const events: LogEvent[] = [];
    const written = write(rotations, linesEach);
    const next: Record<string, number> = { stdout: 0, stderr: 0 };
    for await (const { stream, text, partial } of followLog(path, {
      until: written,
      onEvent: (e) => events.push(e),
    })) {
      const number = text.startsWith("<") ? text.slice(1, -1) : text;
      if (partial || number !== String(next[stream])) {
        throw new Error(`${stream} line ${next[stream]} is ${text}, ${JSON.stringify(events.slice(-5))}`);
      }
      next[stream] = Number(number) + 1;
      if (stream === "stderr" && number === "0") child?.stdin?.write("go\n");
    }
    expect(next).toEqual(await written);
    expect(next.stdout).toBeGreaterThan(rotations * linesEach * 0.6);
    expect(events.map(({ type }) => type)).toEqual(Array.from({ length: rotations }, () => "rotated"));
  }, 60_000);
});
