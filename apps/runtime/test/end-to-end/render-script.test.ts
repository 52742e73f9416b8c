import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import type { ContainerScript } from "@keelson/runtime-core/sim";
import { afterEach, expect, test } from "vitest";
import { createDraw } from "./draw.ts";
import { renderExec, renderScript } from "./render-script.ts";

const draw = createDraw();

async function play([command = "", ...words]: readonly string[]) {
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "close");
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, stdout, stderr };
}

// a shell that ends leaves its sleep behind; in a container that goes with it
const groups: number[] = [];
afterEach(() => {
  for (const group of groups.splice(0)) {
    try {
      process.kill(-group, "SIGKILL");
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
});

/** Runs a script until it has said "ready", and sends SIGTERM. */
async function stop(script: ContainerScript) {
  const [command = "", ...words] = renderScript({ ...script, log: [{ text: "ready" }, ...(script.log ?? [])] });
  const child = spawn(command, words, { stdio: ["ignore", "pipe", "ignore"], detached: true });
  if (child.pid !== undefined) groups.push(child.pid);
  const ended = once(child, "exit");
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on("line", (line) => lines.push(line));
  await once(output, "line");
  child.kill("SIGTERM");
  return { child, ended, output, lines };
}

test(`a script plays its lines, to the streams that it names, and exits (KEELSON_SEED=${draw.seed})`, async () => {
  const [one, two, three, code] = [draw.text(), draw.text(), draw.text(), draw.exitCode()];
  const began = performance.now();
  const script: ContainerScript = {
    log: [{ text: three, atMs: 60 }, { text: one }, { text: two, stream: "stderr", atMs: 30 }],
    exit: { code, afterMs: 120 },
  };
  const played = await play(renderScript(script));
  expect(played).toEqual({ code, stdout: `${one}\n${three}\n`, stderr: `${two}\n` });
  expect(performance.now() - began).toBeGreaterThan(115);
});

test("a script without a word about stopping ends by the signal", async () => {
  const { ended } = await stop({});
  expect(await ended).toEqual([143, null]);
});

test("a script that handles the signal says its words and exits as it likes", async () => {
  const [word, code] = [draw.text(), draw.exitCode()];
  const { ended, lines } = await stop({ stop: { code, afterMs: 20, log: [{ text: word }] } });
  expect(await ended).toEqual([code, null]);
  expect(lines).toEqual(["ready", word]);
});

test("a script that ignores the signal goes on until it is killed", async () => {
  const { child, ended, output } = await stop({ stop: "ignore", log: [{ text: "still here", atMs: 100 }] });
  expect(await once(output, "line")).toEqual(["still here"]);
  child.kill("SIGKILL");
  expect(await ended).toEqual([null, "SIGKILL"]);
});

test("an answer of exec is a command that gives it", async () => {
  const answer = { stdout: draw.text(), stderr: draw.text(), code: draw.exitCode() };
  expect(await play(renderExec(answer))).toEqual(answer);
});
