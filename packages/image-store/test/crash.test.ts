import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, it } from "vitest";
import { ImageIndex } from "../src/index.ts";

// adds and removes images without end, and says what is done
const script = `
  import { buildImage } from ${JSON.stringify(import.meta.resolve("../src/build/index.ts"))};
  import { ImageIndex } from ${JSON.stringify(import.meta.resolve("../src/index.ts"))};
  import { parseReference } from ${JSON.stringify(import.meta.resolve("../src/reference/index.ts"))};
  const index = await ImageIndex.open(process.argv[1]);
  for (let i = 0; ; i++) {
    const image = buildImage({ layers: [], config: { Labels: { i: String(process.pid) + i } } });
    await index.blobs.writeBlob(image.config.bytes);
    await index.blobs.writeBlob(image.manifest.bytes);
    await index.add({ reference: parseReference("app:" + i), manifest: image.manifest.descriptor });
    console.log("+" + i);
    if (i >= 5) { await index.remove("app:" + (i - 5)); console.log("-" + (i - 5)); }
  }`;

it("an index whose process was killed has all that was done and nothing by half", { timeout: 30_000 }, async () => {
  const root = await mkdtemp(join(tmpdir(), "keelson-crash-"));
  try {
    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ["--input-type=module", "-e", script, join(root, String(round))], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const exited = once(child, "exit");
      const there = new Set<number>();
      let steps = 0;
      for await (const line of createInterface({ input: child.stdout })) {
        if (line.startsWith("+")) there.add(Number(line.slice(1)));
        else there.delete(Number(line.slice(1)));
        if (++steps === 20 + round * 7) child.kill("SIGKILL");
      }
      await exited;
      const index = await ImageIndex.open(join(root, String(round)));
      expect(index.broken).toEqual([]);
      const tags = new Set(index.list().flatMap(({ repoTags }) => repoTags.map((tag) => Number(tag.split(":")[1]))));
      // one change may have been made and not yet told
      const difference = [...tags, ...there].filter((tag) => !(tags.has(tag) && there.has(tag)));
      expect(difference.length).toBeLessThanOrEqual(1);
      expect(tags.size).toBeGreaterThan(3);
    }
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
