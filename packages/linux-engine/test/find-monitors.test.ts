import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { monitorMark } from "../src/oci/conmon.ts";
import { findMonitors } from "../src/oci/find-monitors.ts";

describe.skipIf(linuxGate.skip)("findMonitors()", () => {
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-monitors-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      await once(child, "close");
    }
    rmSync(folder, { recursive: true });
  });

  async function start(name: string, ...args: string[]): Promise<number> {
    // a copy of its own: one that runs can't be written
    const program = join(mkdtempSync(join(folder, "bin-")), name);
    copyFileSync("/bin/sh", program);
    const child = spawn(program, ["-c", "echo; read line", ...args], { stdio: ["pipe", "pipe", "ignore"] });
    children.push(child);
    await once(child.stdout, "data");
    return child.pid ?? 0;
  }

  it("finds processes of its name with these arguments, and no other ones", async () => {
    const mark = monitorMark(join(folder, "bundle"));
    const monitor = await start("conmon", ...mark, "more");
    await start("runtime", ...mark, "more");
    await start("conmon", ...monitorMark(join(folder, "bundle-2")), "more");
    const found = findMonitors(mark);
    for (const handle of found) handle.close();
    expect(found.map(({ pid }) => pid)).toEqual([monitor]);
  });
});
