import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { openLogStore } from "../src/state/log-store.ts";
import { run } from "../src/sys/run.ts";

describe("the record store", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "keelson-store-"));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  const read = async (): Promise<Record<string, string>> => {
    const store = await openLogStore(root);
    const all = [...(await store.load())].map(([key, value]) => [key, new TextDecoder().decode(value)]);
    await store.close();
    return Object.fromEntries(all) as Record<string, string>;
  };

  it("keeps what was put, in call order of each key, and loses what was deleted", async () => {
    const store = await openLogStore(root);
    const puts = [1, 2, 3].map((n) => store.put("sandbox/a", bytes(`a${n}`)));
    await Promise.all([...puts, store.put("container/b", bytes("b")), store.put("sandbox/c", bytes("c"))]);
    await store.delete("sandbox/c");
    await store.delete("sandbox/none");
    await store.flush();
    await store.close();
    await store.close();
    expect(await read()).toEqual({ "sandbox/a": "a3", "container/b": "b" });
  });

  it("keeps bytes as they are, also many and none", async () => {
    const store = await openLogStore(root);
    const large = Uint8Array.from({ length: 300_000 }, (_, index) => index % 256);
    await store.put("sandbox/large", large);
    await store.put("sandbox/empty", new Uint8Array());
    expect((await store.load()).get("sandbox/large")).toEqual(large);
    expect((await store.load()).get("sandbox/empty")).toEqual(new Uint8Array());
    await store.close();
  });

  it("is readable by its owner alone", async () => {
    const store = await openLogStore(root);
    expect(statSync(join(root, "state")).mode & 0o777).toBe(0o700);
    await store.close();
  });

  it.skipIf(linuxGate.skip)("has what was committed when its process is killed right after", async () => {
    const script = `
      import { openLogStore } from ${JSON.stringify(fileURLToPath(new URL("../src/state/log-store.ts", import.meta.url)))};
      const store = await openLogStore(${JSON.stringify(root)});
      for (let i = 0; i < 50; i++) await store.put("sandbox/" + i, new TextEncoder().encode("x" + i));
      process.kill(process.pid, "SIGKILL");`;
    const { exit } = await run([process.execPath, "--input-type=module", "--eval", script], {
      deadlineMs: 30_000,
      anyExit: true,
    });
    expect(exit.signal).toBe(9);
    const records = await read();
    expect(Object.keys(records)).toHaveLength(50);
    expect(records["sandbox/49"]).toBe("x49");
  });
});
