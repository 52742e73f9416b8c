import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { openLogStore } from "../src/state/log-store.ts";
import { mountSync, unmountSync } from "../src/sys/mount.ts";
import { openPowerCutDisk } from "./power-cut-disk.ts";
import { recordNumber, recordOf } from "./state-records.ts";

const writer = fileURLToPath(new URL("state-writer.ts", import.meta.url));
const rewriteBytes = 64 * 1024;

interface Writing {
  readonly root: string;
  readonly flushEvery: number;
  /** Called with each number that was acknowledged; true ends the writer. */
  readonly end: (acknowledged: number, child: ChildProcess) => boolean;
}

/** Runs a writer to its violent end. What it said is what it had been told before that. */
async function write(writing: Writing): Promise<{ acknowledged: Map<string, number>; durable: Map<string, number> }> {
  const args = [writer, writing.root, String(rewriteBytes), String(writing.flushEvery)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  const exited = once(child, "exit");
  const acknowledged = new Map<string, number>();
  let durable = new Map<string, number>();
  let count = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [what, key = "", n] = line.split(" ");
    if (what === "durable") durable = new Map(Object.entries(JSON.parse(key) as Record<string, number>));
    else {
      acknowledged.set(key, Number(n));
      if (writing.end(++count, child)) child.kill("SIGKILL");
    }
  }
  await exited;
  return { acknowledged, durable };
}

async function read(root: string): Promise<Map<string, number>> {
  const store = await openLogStore(root);
  try {
    return new Map([...(await store.load())].map(([key, value]) => [key, recordNumber(value)]));
  } finally {
    await store.close();
  }
}

function expectAtLeast(found: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>): void {
  for (const [key, n] of wanted) expect(found.get(key) ?? 0, key).toBeGreaterThanOrEqual(n);
}

describe.skipIf(linuxGate.skip)("the record store after a crash", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-crash-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("has all that was acknowledged when its process is killed in the middle of 1000 changes", async () => {
    for (let life = 1; life <= 3; life++) {
      const last = randomInt(300, 700);
      const { acknowledged } = await write({ root: folder, flushEvery: 100, end: (count) => count === last });
      expect(acknowledged.size).toBe(11);
      expectAtLeast(await read(folder), acknowledged);
    }
  });

  it("has all that was flushed when the power is cut, and syncs only when it is asked to", async () => {
    const disk = await openPowerCutDisk(folder);
    try {
      for (let life = 1; life <= 6; life++) {
        const last = life === 1 ? 10 : randomInt(20, 150);
        const { acknowledged, durable } = await write({
          root: disk.path,
          flushEvery: 10,
          end: (count) => {
            if (count === last) disk.cut();
            return count === last;
          },
        });
        expect(acknowledged.size).toBeGreaterThan(0);
        await disk.restore();
        expectAtLeast(await read(disk.path), durable);
        expectAtLeast(await read(disk.path), durable);
      }
      const store = await openLogStore(disk.path);
      const before = disk.flushes();
      for (let n = 1; n <= 200; n++) await store.put(`sandbox/${n % 11}`, recordOf(n));
      await store.flush();
      await store.close();
      expect(disk.flushes() - before).toBeGreaterThan(0);
      expect(disk.flushes() - before).toBeLessThan(20);
    } finally {
      await disk.close();
    }
  });

  it("refuses a change on a full disk, keeps what was acknowledged and goes on when there is space", async () => {
    mountSync({ target: folder, type: "tmpfs", data: "size=512k" });
    try {
      const store = await openLogStore(folder, { rewriteBytes });
      const acknowledged = new Map<string, number>();
      const put = async (n: number): Promise<void> => {
        await store.put(`sandbox/${n}`, recordOf(n));
        acknowledged.set(`sandbox/${n}`, n);
      };
      let n = 1;
      await expect(
        (async () => {
          for (;;) await put(n++);
        })(),
      ).rejects.toThrow(`store record "sandbox/`);
      for (let again = 0; again < 5; again++) await put(n++).catch(() => undefined);
      mountSync({ target: folder, type: "tmpfs", flags: ["remount"], data: "size=8m" });
      for (let more = 0; more < 100; more++) await put(n++);
      await store.flush();
      await store.close();
      const found = await read(folder);
      expect(found).toEqual(acknowledged);
    } finally {
      unmountSync(folder);
    }
  });
});
