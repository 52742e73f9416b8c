import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@keelson/image-store/build";
import { digestHex } from "@keelson/image-store/reference";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import type { EngineLog } from "../src/log.ts";
import { Snapshots, type SnapshotsOptions } from "../src/snapshots/snapshots.ts";
import { Canary } from "./canary.ts";

const digest = (text: string) => digestOf(Buffer.from(text));
const imageId = digest("image");

describe.skipIf(linuxGate.skip)("Snapshots", () => {
  let folder: string;
  let logged: string[];
  let snapshots: Snapshots | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "keelson-snapshots-"));
    logged = [];
  });
  afterEach(async () => {
    await snapshots?.close();
    snapshots = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const root = (): string => join(folder, "snapshots");

  async function open(options: Partial<SnapshotsOptions> = {}): Promise<Snapshots> {
    await snapshots?.close();
    const write = (message: string): void => void logged.push(message);
    const log: EngineLog = { debug: write, info: write, warn: write, error: write };
    snapshots = await Snapshots.open({ root: root(), bootId: "boot", log, ...options });
    return snapshots;
  }

  /** Puts a layer with one file into place. */
  async function addLayer(store: Snapshots, name: string, opaque: readonly string[] = []) {
    const layer = await store.beginLayer();
    writeFileSync(join(root(), "tmp", layer, "fs", name), name);
    const record = { chainId: digest(name), diffId: digest(`${name} diff`), opaque, inodes: 2, sizeBytes: 4096 };
    await store.commitLayer(layer, record);
    return record.chainId;
  }

  test("keep layers and containers over a restart, and remove what was in the making", async () => {
    let store = await open();
    const chainId = await addLayer(store, "layer");
    const prepared = await store.prepare("c1", { imageId, chainIds: [chainId] });
    writeFileSync(join(prepared.upper, "written"), "x");
    await store.beginLayer();
    mkdirSync(join(root(), "sha256", "e".repeat(64)));
    mkdirSync(join(root(), "containers", "half"));
    store = await open();
    await store.drained();
    expect([...store.layers.keys()]).toEqual([chainId]);
    expect([...store.containers]).toEqual([["c1", { imageId, chainIds: [chainId] }]]);
    expect(existsSync(join(root(), "containers", "c1", "fs", "written"))).toBe(true);
    expect(readdirSync(join(root(), "tmp"))).toEqual([]);
    expect(readdirSync(join(root(), "sha256"))).toEqual([digestHex(chainId)]);
    expect(readdirSync(join(root(), "containers"))).toEqual(["c1"]);
    expect(logged).toHaveLength(2);
  });

  test("name the folders of a mount, the uppermost first, cut at an opaque root", async () => {
    const store = await open();
    const low = await addLayer(store, "low");
    const middle = await addLayer(store, "middle", [Buffer.from(".").toString("base64")]);
    const high = await addLayer(store, "high");
    chmodSync(join(root(), "sha256", digestHex(high), "fs"), 0o751);
    const { lower, upper, work } = await store.prepare("c1", { imageId, chainIds: [low, middle, high] });
    expect(lower).toEqual([high, middle].map((chainId) => join(root(), "sha256", digestHex(chainId), "fs")));
    expect(statSync(upper).mode & 0o7777).toBe(0o751);
    expect(statSync(work).isDirectory()).toBe(true);
    const none = await store.prepare("c2", { imageId, chainIds: [] });
    expect(none.lower).toEqual([join(root(), "empty")]);
    await expect(store.prepare("c1", { imageId, chainIds: [] })).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    await expect(store.prepare("c3", { imageId, chainIds: [digest("no")] })).rejects.toMatchObject({
      code: "NOT_FOUND",
    });
  });

  test("trust a layer of an earlier boot only when it was flushed", async () => {
    let store = await open({ bootId: "first" });
    const flushed = await addLayer(store, "flushed");
    await store.flush();
    const lost = await addLayer(store, "lost");
    store = await open({ bootId: "first" });
    expect([...store.layers.keys()].sort()).toEqual([flushed, lost].sort());
    store = await open({ bootId: "second" });
    expect([...store.layers.keys()]).toEqual([flushed]);
    expect(logged).toHaveLength(1);
  });

  test("T7.01: are root's alone, whatever the umask was", async () => {
    const before = process.umask(0);
    try {
      const store = await open();
      await store.prepare("c1", { imageId, chainIds: [await addLayer(store, "layer")] });
    } finally {
      process.umask(before);
    }
    const inside = ["", "sha256", "containers", "tmp", `sha256/${digestHex(digest("layer"))}`, "containers/c1"];
    for (const name of inside) expect([name, statSync(join(root(), name)).mode & 0o777]).toEqual([name, 0o700]);
    for (const file of ["layer.json"]) {
      expect(statSync(join(root(), "sha256", digestHex(digest("layer")), file)).mode & 0o777).toBe(0o600);
    }
    await snapshots?.close();
    snapshots = undefined;
    chmodSync(join(root(), "tmp"), 0o777);
    await open();
    expect(statSync(join(root(), "tmp")).mode & 0o777).toBe(0o700);
  });

  test("T4.04: remove nothing elsewhere when a folder is swapped for a link", async () => {
    using canary = new Canary();
    const before = canary.state();
    const store = await open();
    const chainId = await addLayer(store, "layer");
    await store.prepare("c1", { imageId, chainIds: [chainId] });
    await store.prepare("folder", { imageId, chainIds: [chainId] });
    // A container's own folder, then the folder of all of them.
    renameSync(join(root(), "containers", "c1"), join(folder, "aside"));
    symlinkSync(canary.folder, join(root(), "containers", "c1"));
    await store.remove("c1");
    renameSync(join(root(), "containers"), join(folder, "moved"));
    symlinkSync(canary.folder, join(root(), "containers"));
    await store.remove("folder");
    renameSync(join(root(), "sha256"), join(folder, "layers"));
    symlinkSync(canary.folder, join(root(), "sha256"));
    await store.removeChain(chainId);
    await store.drained();
    expect(canary.state()).toBe(before);
    expect(readdirSync(join(folder, "moved"))).toEqual([]);
    expect(readdirSync(join(folder, "layers"))).toEqual([]);
    expect(existsSync(join(folder, "aside"))).toBe(true);
    expect(readdirSync(join(root(), "tmp"))).toEqual([]);
  });

  test.each(["", ".", "..", "../c1", "a/b", "/etc", "-rf", "x".repeat(129), "a\0b"])(
    "T4.04: refuse %j as a container",
    async (id) => {
      const store = await open();
      await expect(store.prepare(id, { imageId, chainIds: [] })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(store.remove(id)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    },
  );

  test("remove what a container has dug, however deep, and tell what it took", async () => {
    const store = await open();
    const { upper } = await store.prepare("c1", { imageId, chainIds: [] });
    writeFileSync(join(upper, "file"), Buffer.alloc(1_000_000));
    // Longer in all than a path may be: only whoever goes down by descriptors comes to its end.
    const names = Array.from({ length: 250 }, () => "d123456789").join("/");
    const piece = (index: number): string => join(folder, `piece${index}`);
    for (const index of [0, 1, 2, 3]) mkdirSync(join(piece(index), names), { recursive: true });
    for (const index of [2, 1, 0]) renameSync(piece(index + 1), join(piece(index), names, "tail"));
    renameSync(join(folder, "piece0"), join(upper, "deep"));
    const usage = (await store.usage()).get("c1");
    expect(usage?.bytes).toBeGreaterThan(1_000_000);
    expect(usage?.inodes).toBeGreaterThan(800);
    await store.remove("c1");
    await store.remove("c1");
    await store.drained();
    expect(readdirSync(join(root(), "tmp"))).toEqual([]);
    expect(await store.usage()).toEqual(new Map());
    expect(logged).toEqual([]);
  });

  test("keep folders of the caller's beside a container's layer, for as long as that is there", async () => {
    const store = await open();
    await expect(store.addFolder("c1", "more")).rejects.toMatchObject({ code: "NOT_FOUND" });
    await store.prepare("c1", { imageId, chainIds: [] });
    const more = await store.addFolder("c1", "more");
    expect(statSync(more).mode & 0o777).toBe(0o700);
    writeFileSync(join(more, "file"), "");
    expect(readdirSync(await store.addFolder("c1", "more"))).toEqual([]); // what a crash has left is no content
    await store.removeFolder("c1", "more");
    await store.removeFolder("c1", "more");
    expect(existsSync(more)).toBe(false);
    writeFileSync(join(await store.addFolder("c1", "more"), "file"), "");
    await store.remove("c1");
    await store.drained();
    for (const place of ["containers", "tmp"]) expect(readdirSync(join(root(), place))).toEqual([]);
  });

  test("keep the layer that is in place when the same one comes again", async () => {
    const store = await open();
    const chainId = await addLayer(store, "layer");
    await addLayer(store, "layer");
    await store.drained();
    expect([...store.layers.keys()]).toEqual([chainId]);
    expect(readdirSync(join(root(), "tmp"))).toEqual([]);
  });

  test("mark opaque folders inside the layer alone", async () => {
    using canary = new Canary();
    const before = canary.state();
    const store = await open();
    const layer = await store.beginLayer();
    symlinkSync(canary.folder, join(root(), "tmp", layer, "fs", "link"));
    const record = { chainId: digest("x"), diffId: digest("y"), inodes: 1, sizeBytes: 0 };
    for (const path of ["link", "link/folder", "..", "../..", canary.folder]) {
      const opaque = [Buffer.from(path).toString("base64")];
      await expect(store.commitLayer(layer, { ...record, opaque })).rejects.toMatchObject({ code: "INTERNAL" });
    }
    store.discard(layer);
    expect(canary.state()).toBe(before);
    expect(store.layers.size).toBe(0);
  });
});
