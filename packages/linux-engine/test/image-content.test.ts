import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestHex } from "@keelson/image-store/reference";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { type DockerRegistry, startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import { CountingProxy, ImageBench, imageOf, push, spec } from "./image-bench.ts";

describe.skipIf(linuxGate.skip)("What containers need of images", { timeout: 30_000 }, () => {
  let registry: DockerRegistry;
  let bench: ImageBench;
  const name = (): string => `${registry.host}/content:1`;
  const image = imageOf([[{ name: "a", content: "a" }], [{ name: "b" }]], {
    config: { User: "7", Env: ["A=b"], Entrypoint: ["/x"], WorkingDir: "/w", StopSignal: "SIGINT" },
  });
  const id = image.config.descriptor.digest;

  beforeAll(async () => {
    registry = await startDockerRegistry();
    await push(image, registry.url, name());
  });
  afterAll(async () => {
    await registry?.close();
  });
  beforeEach(async () => {
    bench = new ImageBench();
    bench.serve(registry.host, registry.url);
    await bench.open();
    await bench.pull(name());
  });
  afterEach(async () => {
    await bench[Symbol.asyncDispose]();
  });

  const layersThere = async (): Promise<number> => (await bench.stored()).sha256;

  test("stays while a container has it, also when the image is removed, and also over a restart", async () => {
    const { holds, snapshots, engine } = bench.images;
    await holds.hold(id, "c1");
    await snapshots.prepare("c1", id);
    await engine.remove(spec(name()));
    expect(await engine.list(undefined)).toEqual([]);
    expect(await layersThere()).toBe(2);
    await bench.close();
    const reopened = await bench.open();
    await reopened.holds.hold(id, "c1");
    const config = { user: "7", env: ["A=b"], entrypoint: ["/x"], cmd: [], workingDir: "/w", stopSignal: "SIGINT" };
    expect(await reopened.holds.processConfig(id)).toEqual({ ...config, volumes: [] });
    expect(await reopened.snapshots.list()).toEqual(["c1"]);
    expect(await layersThere()).toBe(2);
    await reopened.snapshots.remove("c1");
    await reopened.holds.release(id, "c1");
    await reopened.garbage.collect();
    expect(await bench.stored()).toEqual({ blobs: 0, ingest: 0, sha256: 0, tmp: 0, containers: 0 });
    await expect(reopened.holds.hold(id, "c2")).rejects.toMatchObject({ code: "NOT_FOUND" });
  });

  test("holds are counted by holder, once each", async () => {
    const { holds, engine, garbage } = bench.images;
    await holds.hold(id, "c1");
    await holds.hold(id, "c1");
    await holds.hold(id, "c2");
    await engine.remove(spec(id));
    await holds.release(id, "c1");
    await garbage.collect();
    expect(await layersThere()).toBe(2);
    await holds.release(id, "c2");
    await holds.release(id, "c2");
    await garbage.collect();
    expect(await layersThere()).toBe(0);
  });

  test("an image whose layers are lost is not there, and is pulled again from the store", async () => {
    await bench.close();
    rmSync(join(bench.root, "snapshots", "sha256"), { recursive: true });
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const { engine } = await bench.open();
    expect(await engine.status(spec(name()))).toBeUndefined();
    expect(await engine.list(undefined)).toEqual([]);
    await bench.pull(name());
    expect(await engine.list(undefined)).toHaveLength(1);
    expect(proxy.blobRequests().size).toBe(0);
    expect(await layersThere()).toBe(2);
  });

  test("a blob that has changed on the disk is DATA_LOSS once, and fetched anew the next time", async () => {
    await bench.close();
    rmSync(join(bench.root, "snapshots", "sha256"), { recursive: true });
    const file = join(bench.root, "images", "blobs", "sha256", digestHex(image.layers[0]?.descriptor.digest ?? id));
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await bench.open();
    await expect(bench.pull(name())).rejects.toMatchObject({ code: "DATA_LOSS" });
    await bench.pull(name());
    expect(await layersThere()).toBe(2);
  });

  test("layers whose blob is gone are fetched, but not applied, again", async () => {
    const blobs = join(bench.root, "images", "blobs", "sha256");
    const gone = digestHex(image.layers[1]?.descriptor.digest ?? id);
    rmSync(join(blobs, gone));
    await bench.pull(name());
    expect(readdirSync(blobs)).toContain(gone);
    expect(await layersThere()).toBe(2);
  });
});
