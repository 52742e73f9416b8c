import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { parseLogLine } from "@keelson/cri-api/logs";
import type { SandboxRecord } from "@keelson/runtime-core/ports";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { TestNode } from "./test-node.ts";
import { until } from "./until.ts";

const counting = "n=0; while :; do n=$((n+1)); echo $n; done";

describe.skipIf(linuxGate.skip)("reopening a container's log", () => {
  let node: TestNode;
  let sandbox: SandboxRecord;
  beforeAll(async () => {
    node = new TestNode();
    await node.open();
    sandbox = await node.runSandbox();
  }, 60_000);
  afterAll(() => node.close(), 60_000);

  const reopen = async (id: string): Promise<void> => {
    await node.engine.containers.reopenLog?.(node.container(id), node.sandbox(sandbox.id));
  };
  const refusal = async (id: string): Promise<string> => {
    const error: unknown = await reopen(id).then(undefined, (failure: unknown) => failure);
    if (isCriError(error)) return error.code;
    throw error ?? new Error("it was done");
  };
  /** What the lines of a log's files say, in their order; conmon cuts lines where its buffer ends. */
  const numbersIn = (...paths: readonly string[]): number[] => {
    const lines = paths.flatMap((path) => readFileSync(path, "utf8").split("\n").slice(0, -1));
    let begun = "";
    return lines.flatMap((line) => {
      const { text = "", partial } = parseLogLine(line) ?? {};
      begun += text;
      if (partial === true) return [];
      const number = Number(begun);
      begun = "";
      return [number];
    });
  };

  it("loses and doubles no line of a container at full speed, also across a restart of the engine", async () => {
    const id = await node.run(sandbox, counting);
    const path = node.container(id).logPath;
    const rotated: string[] = [];
    for (let turn = 0; turn < 8; turn++) {
      await until(() => statSync(path).size > 10_000);
      if (turn === 4) {
        await node.closeEngine();
        await node.open();
      }
      rotated.push(`${path}.${turn}`);
      renameSync(path, `${path}.${turn}`);
      await reopen(id);
      expect(statSync(path).mode & 0o777).toBe(0o640);
    }
    const end = node.exit(id);
    await node.engine.containers.signal(node.container(id), "kill");
    await end;
    const numbers = numbersIn(...rotated, path);
    expect(numbers.length).toBeGreaterThan(1000);
    expect(numbers.findIndex((number, index) => number !== index + 1)).toBe(-1);
    expect(readdirSync(dirname(path)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
    await node.remove(id);
  }, 60_000);

  it("leaves a log alone that nobody has renamed, however often it is asked", async () => {
    const id = await node.run(sandbox, "echo first; sleep 3600");
    const path = node.container(id).logPath;
    await node.untilLogged(id, "stdout first");
    const { ino } = statSync(path);
    await Promise.all([reopen(id), reopen(id)]);
    expect(statSync(path).ino).toBe(ino);
    renameSync(path, `${path}.1`);
    await reopen(id);
    await reopen(id);
    expect(numbersIn(path)).toEqual([]);
    await node.remove(id);
  });

  it("T8.06: spoils nothing that was put at its path or beside it, and leaves no new file then", async () => {
    const id = await node.run(sandbox, "while :; do echo x; usleep 1000; done");
    const path = node.container(id).logPath;
    const canary = join(node.folder, "canary");
    writeFileSync(canary, "untouched");
    renameSync(path, `${path}.1`);
    const inTheWay: [string, () => void][] = [
      ["a link", () => symlinkSync(canary, path)],
      ["another file", () => writeFileSync(path, "somebody's")],
      ["a folder", () => mkdirSync(path)],
      ["a folder beside it", () => mkdirSync(`${path}.tmp/full`, { recursive: true })],
    ];
    for (const [what, put] of inTheWay) {
      put();
      expect(await refusal(id), what).toBe("FAILED_PRECONDITION");
      rmSync(path, { recursive: true, force: true });
      rmSync(`${path}.tmp`, { recursive: true, force: true });
    }
    renameSync(dirname(path), `${dirname(path)}-away`);
    expect(await refusal(id), "no folder").toBe("FAILED_PRECONDITION");
    symlinkSync(`${dirname(path)}-away`, dirname(path));
    expect(await refusal(id), "a link above").toBe("FAILED_PRECONDITION");
    rmSync(dirname(path));
    renameSync(`${dirname(path)}-away`, dirname(path));
    expect(readdirSync(dirname(path))).not.toContain(`${id}.log`);
    expect(readFileSync(canary, "utf8")).toBe("untouched");

    symlinkSync(canary, `${path}.tmp`); // conmon would follow and truncate it
    writeFileSync(path, ""); // who rotates logs may make the new file
    await reopen(id);
    expect(readFileSync(canary, "utf8")).toBe("untouched");
    await until(() => statSync(path).size > 0);
    await node.remove(id);
  });

  it("refuses a container that has ended", async () => {
    const id = await node.run(sandbox, "exit 0");
    await node.exit(id);
    expect(await refusal(id)).toBe("FAILED_PRECONDITION");
  });
});
