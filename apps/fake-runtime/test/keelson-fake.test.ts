import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connectCri } from "@keelson/cri-client";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

const keelsonFake = join(import.meta.dirname, "../../../bin/keelson-fake");

describe("keelson-fake", () => {
  let folder: string;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-fake-test-"));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  const start = (...flags: readonly string[]) => {
    const child = spawn(keelsonFake, flags, { stdio: ["ignore", "pipe", "pipe"] });
    children.push(child);
    return { child, ended: once(child, "close"), errors: text(child.stderr) };
  };
  const listening = async (child: ChildProcess): Promise<string> => {
    const [chunk] = (await once(child.stdout ?? child, "data")) as [Buffer];
    return String(chunk);
  };

  test.each(["SIGTERM", "SIGINT"] as const)(
    "listens until %s, which ends it with 0 and takes its socket away",
    async (signal) => {
      const endpoint = `unix://${join(folder, "run", "fake.sock")}`;
      const { child, ended, errors } = start("--listen", endpoint, "--versions", "v1alpha2");
      expect(await listening(child)).toBe(`listening on ${endpoint}\n`);
      await using cri = await connectCri({ runtimeEndpoint: endpoint });
      expect(cri.version).toBe("v1alpha2");
      child.kill(signal);
      expect(await ended).toEqual([0, null]);
      expect(await readdir(join(folder, "run"))).toEqual([]);
      expect(await errors).toBe("");
    },
  );

  test("reads its images and containers from a script", async () => {
    const endpoint = `unix://${join(folder, "fake.sock")}`;
    const script = join(folder, "script.json");
    await writeFile(script, JSON.stringify({ images: ["example.com/a:1"] }));
    const { child } = start("--listen", endpoint, "--script", script);
    await listening(child);
    await using cri = await connectCri({ runtimeEndpoint: endpoint });
    await cri.images.pullImage({ image: { image: "example.com/a:1" } });
    const other = cri.images.pullImage({ image: { image: "busybox" } });
    await expect(other).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test.each([
    ["a script with mistakes", '{"containers":{"a":{"exit":{}}}}', /script\.json: containers\["a"\]\.exit\.code: want/],
    ["a script that is no JSON", "{", /script\.json: .*JSON/],
  ])("says what is wrong with %s, and makes no socket", async (_what, content, message) => {
    const script = join(folder, "script.json");
    const socket = join(folder, "fake.sock");
    await writeFile(script, content);
    const { ended, errors } = start("--listen", `unix://${socket}`, "--script", script);
    expect(await ended).toEqual([1, null]);
    expect(await errors).toMatch(message);
    await expect(access(socket)).rejects.toThrow("ENOENT");
  });

  test("knows its versions", async () => {
    const { ended, errors } = start("--listen", `unix://${join(folder, "fake.sock")}`, "--versions", "v2");
    expect(await ended).toEqual([1, null]);
    expect(await errors).toContain('want v1 or v1alpha2, got "v2"');
  });
});
