import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processSamples } from "./process-samples.ts";

let folder: string;
const server = createServer();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-process-samples-"));
  await once(server.listen(0, "127.0.0.1"), "listening");
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

/** As if the cgroup held this process so often. */
async function samplesOf(times: number): Promise<Readonly<Record<string, number>>> {
  await writeFile(join(folder, "cgroup.procs"), `${process.pid}\n`.repeat(times));
  const samples = await processSamples(folder, process.pid);
  return Object.fromEntries(samples.map(({ name, value }) => [name, Number(value)]));
}

describe("samples of a container's processes", () => {
  it("count what they have open", async () => {
    const { container_processes, container_file_descriptors, container_sockets } = await samplesOf(1);
    expect(container_processes).toBe(1);
    expect(container_sockets).toBeGreaterThanOrEqual(1);
    expect(container_file_descriptors).toBeGreaterThan(container_sockets ?? 0);
  });

  it("look at no more than they may, however many processes and descriptors there are", async () => {
    const { container_sockets: each = 0, container_file_descriptors: open = 0 } = await samplesOf(1);
    const times = Math.ceil(20_000 / open);
    const { container_processes, container_sockets } = await samplesOf(times);
    expect(container_processes).toBe(times);
    expect(container_sockets).toBeGreaterThan(0);
    expect(container_sockets).toBeLessThan(each * times * 0.75);
  });
});
