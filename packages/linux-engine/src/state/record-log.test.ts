import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RecordLog, readRecordLog, writeRecordLog } from "./record-log.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const records = new Map([
  ["sandbox/a", bytes("one")],
  ["sandbox/b", bytes("two")],
]);

describe("a record log", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-log-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const read = async (): Promise<Record<string, string>> =>
    Object.fromEntries([...(await readRecordLog(folder))].map(([key, value]) => [key, Buffer.from(value).toString()]));

  it("holds what it began with and what was appended", async () => {
    expect(await read()).toEqual({});
    const log = await writeRecordLog(folder, records);
    await log.append([
      { key: "sandbox/b", value: undefined },
      { key: "sandbox/c", value: bytes("three") },
    ]);
    await log.append([{ key: "sandbox/a", value: bytes("four") }]);
    await log.close();
    expect(await read()).toEqual({ "sandbox/a": "four", "sandbox/c": "three" });
  });

  it("takes the place of the one before as a whole, and of what a crash left of one in the making", async () => {
    await (await writeRecordLog(folder, records)).close();
    writeFileSync(join(folder, "records.log.new"), "half a log");
    await (await writeRecordLog(folder, new Map([["sandbox/z", bytes("z")]]))).close();
    expect(await read()).toEqual({ "sandbox/z": "z" });
    expect(readdirSync(folder)).toEqual(["records.log"]);
  });

  it("is refused, not taken for an empty one, when it is none of ours or its durable beginning is damaged", async () => {
    const path = join(folder, "records.log");
    await (await writeRecordLog(folder, records)).close();
    const good = readFileSync(path);
    const damaged = Buffer.from(good);
    damaged.writeUInt8(damaged.readUInt8(good.length - 1) ^ 1, good.length - 1);
    for (const bad of [damaged, good.subarray(0, -1), good.subarray(0, 5), Buffer.alloc(100), Buffer.of()]) {
      writeFileSync(path, bad);
      await expect(readRecordLog(folder)).rejects.toThrow("is no log of records, or was damaged");
    }
  });

  it.skipIf(process.platform !== "linux")(
    "is not written to after an error that leaves its content unknown",
    async () => {
      // /dev/full takes no byte and can't be cut; /dev/null can't be synced
      const full = new RecordLog(await open("/dev/full", "a"), 1, 0);
      await expect(full.append([{ key: "a", value: undefined }])).rejects.toThrow("ENOSPC");
      expect(full.hasFailed).toBe(true);
      await expect(full.sync()).rejects.toThrow("failed");
      await full.close();
      const unsynced = new RecordLog(await open("/dev/null", "a"), 1, 0);
      await unsynced.append([{ key: "a", value: undefined }]);
      expect(unsynced.hasFailed).toBe(false);
      await expect(unsynced.sync()).rejects.toThrow("EINVAL");
      await expect(unsynced.sync()).rejects.toThrow("an earlier sync");
      await unsynced.close();
    },
  );
});
