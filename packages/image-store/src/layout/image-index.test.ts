import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltImage, buildImage } from "../build/index.ts";
import { type Digest, digestHex, parseDigest, parseReference } from "../reference/index.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { ImageIndex } from "./image-index.ts";
import { findShortId, imageIdPrefix } from "./short-id.ts";

const imageOf = (content: string): BuiltImage =>
  buildImage({
    layers: [[{ path: "base", content: "shared" }], [{ path: "top", content }]],
    config: { Labels: { content } },
  });
const idOf = (image: BuiltImage): Digest => image.config.descriptor.digest;

async function add(index: ImageIndex, name: string, image: BuiltImage, resolved?: Digest) {
  for (const { bytes } of [image.manifest, image.config, ...image.layers]) await index.blobs.writeBlob(bytes);
  const reference = parseReference(name);
  return await index.add({
    reference,
    manifest: image.manifest.descriptor,
    ...(resolved !== undefined && { resolved }),
  });
}

describe("ImageIndex", () => {
  let root: string;
  let count = 0;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "keelson-index-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  const newRoot = () => join(root, String(count++));
  const files = async (path: string) => (await readdir(path, { recursive: true })).sort();

  it("is a valid OCI image layout from the start", async () => {
    const path = newRoot();
    await ImageIndex.open(path);
    expect(await files(path)).toEqual(["blobs", "blobs/sha256", "index.json", "ingest", "oci-layout"]);
    expect(JSON.parse(await readFile(join(path, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" });
    expect(JSON.parse(await readFile(join(path, "index.json"), "utf8"))).toMatchObject({
      schemaVersion: 2,
      manifests: [],
    });
  });

  it("finds an image by every name and by its ID, whole or short, and nothing else", async () => {
    const index = await ImageIndex.open(newRoot());
    const image = imageOf("one");
    const id = idOf(image);
    const { digest } = image.manifest.descriptor;
    const stored = await add(index, "busybox:1", image);
    await add(index, "r.example:5000/team/app", image);
    await add(index, `ghcr.io/x/y@${digest}`, image);
    for (const text of [
      "busybox:1",
      "docker.io/library/busybox:1",
      "index.docker.io/busybox:1",
      `busybox@${digest}`,
      `busybox:any@${digest}`,
      "r.example:5000/team/app",
      "r.example:5000/team/app:latest",
      `ghcr.io/x/y@${digest}`,
      id,
      digestHex(id),
      digestHex(id).slice(0, 12),
      id.slice(0, 20),
    ]) {
      expect(index.resolve(text)?.id, text).toBe(id);
    }
    for (const text of [
      "busybox",
      "busybox:2",
      "ghcr.io/x/y",
      `r.example/team/app@${digest}`,
      digest,
      "abcd",
      "0".repeat(64),
    ]) {
      expect(index.resolve(text), text).toBeUndefined();
    }
    expect(index.list()).toHaveLength(1);
    expect(index.list()[0]).toMatchObject({
      id: stored.id,
      repoTags: ["docker.io/library/busybox:1", "r.example:5000/team/app:latest"],
      repoDigests: [
        `docker.io/library/busybox@${digest}`,
        `ghcr.io/x/y@${digest}`,
        `r.example:5000/team/app@${digest}`,
      ],
      sizeBytes: [image.manifest, image.config, ...image.layers].reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    });
    expect(() => index.resolve("not a name")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(() => index.resolve("a".repeat(10 * 2 ** 20))).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT" }),
    );
  });

  it("is the same after it was opened anew", async () => {
    const path = newRoot();
    const index = await ImageIndex.open(path);
    const indexDigest = parseDigest(`sha256:${"ab".repeat(32)}`);
    await add(index, "a:1", imageOf("a"), indexDigest);
    await add(index, "b:1", imageOf("b"));
    await add(index, "b:2", imageOf("b"));
    const again = await ImageIndex.open(path);
    expect(again.list()).toEqual(index.list());
    expect(again.resolve(`a@${indexDigest}`)?.id).toBe(idOf(imageOf("a")));
    expect(again.broken).toEqual([]);
  });

  it("moves a tag, and keeps the older image under its digest", async () => {
    const index = await ImageIndex.open(newRoot());
    const [old, young] = [imageOf("old"), imageOf("young")];
    await add(index, "app:latest", old);
    await add(index, "app:latest", young);
    expect(index.resolve("app")?.id).toBe(idOf(young));
    expect(index.resolve(idOf(old))?.repoTags).toEqual([]);
    expect(index.resolve(`app@${old.manifest.descriptor.digest}`)?.id).toBe(idOf(old));
  });

  it("holds two manifests of one config as one image", async () => {
    const index = await ImageIndex.open(newRoot());
    const layers = [[{ path: "f" }]];
    const [packed, plain] = [buildImage({ layers }), buildImage({ layers, compression: "none" })];
    expect(idOf(packed)).toBe(idOf(plain));
    await add(index, "app:gzip", packed);
    await add(index, "app:plain", plain);
    expect(index.list()).toHaveLength(1);
    expect(index.list()[0]?.repoTags).toHaveLength(2);
    expect(index.list()[0]?.manifest.digest).toBe(plain.manifest.descriptor.digest);
    await index.remove("app:gzip");
    expect(index.list()).toEqual([]);
  });

  it("removes an image with all its names, by any of them, as often as asked", async () => {
    const path = newRoot();
    const index = await ImageIndex.open(path);
    const image = imageOf("x");
    for (const text of [
      "one:1",
      idOf(image),
      digestHex(idOf(image)).slice(0, 8),
      `one@${image.manifest.descriptor.digest}`,
    ]) {
      await add(index, "one:1", image);
      await add(index, "two:2", image);
      await add(index, "other:1", imageOf("y"));
      expect((await index.remove(text))?.id).toBe(idOf(image));
      expect(await index.remove(text)).toBeUndefined();
      expect(index.list().map(({ repoTags }) => repoTags)).toEqual([["docker.io/library/other:1"]]);
    }
    expect((await ImageIndex.open(path)).list()).toEqual(index.list());
  });

  it("T1.05 keeps names and IDs apart: a name made of hex digits shadows no ID", async () => {
    const index = await ImageIndex.open(newRoot());
    const [victim, attacker] = [imageOf("victim"), imageOf("attacker")];
    await add(index, "victim:1", victim);
    const short = digestHex(idOf(victim)).slice(0, 12);
    await add(index, short, attacker);
    expect(index.resolve(idOf(victim))?.id).toBe(idOf(victim));
    expect(index.resolve(`${short}:latest`)?.id).toBe(idOf(attacker));
    expect(index.resolve(`sha256:${short}`)?.id).toBe(idOf(victim));
    expect(() => index.resolve(short)).toThrow(expect.objectContaining({ code: "FAILED_PRECONDITION" }));
    await expect(add(index, digestHex(idOf(victim)), attacker)).rejects.toThrow();
    await add(index, `sha256:${"c".repeat(12)}`, attacker);
    expect(index.resolve(`sha256:${"c".repeat(12)}`)).toBeUndefined();
    expect(index.resolve("constructor")).toBeUndefined();
  });

  it("refuses an image whose manifest or config is not in the store", async () => {
    const path = newRoot();
    const index = await ImageIndex.open(path);
    const image = imageOf("gone");
    const manifest = image.manifest.descriptor;
    const attempt = () => index.add({ reference: parseReference("a:1"), manifest });
    await expect(attempt()).rejects.toMatchObject({ code: "DATA_LOSS" });
    await index.blobs.writeBlob(image.manifest.bytes);
    await expect(attempt()).rejects.toMatchObject({ code: "DATA_LOSS" });
    expect(index.list()).toEqual([]);
    expect((await ImageIndex.open(path)).list()).toEqual([]);
  });

  it("leaves out, and reports, what was spoilt while it was closed; a broken index.json is DATA_LOSS", async () => {
    const path = newRoot();
    const index = await ImageIndex.open(path);
    const [good, bad] = [imageOf("good"), imageOf("bad")];
    await add(index, "good:1", good);
    await add(index, "bad:1", bad);
    await writeFile(join(path, "blobs/sha256", digestHex(idOf(bad))), "{}");
    const again = await ImageIndex.open(path);
    expect(again.list().map(({ id }) => id)).toEqual([idOf(good)]);
    expect(again.broken).toMatchObject([
      { entry: { name: "docker.io/library/bad:1" }, error: { code: "DATA_LOSS" } },
      { entry: { name: expect.stringContaining("bad@sha256:") } },
    ]);
    for (const text of ["", "{", "[]", '{"manifests":7}', '{"manifests":[{"digest":"sha256:../../x"}]}']) {
      await writeFile(join(path, "index.json"), text);
      await expect(ImageIndex.open(path)).rejects.toMatchObject({ code: "DATA_LOSS", hint: expect.any(String) });
    }
    await writeFile(join(path, "oci-layout"), '{"imageLayoutVersion":"9"}');
    await expect(ImageIndex.open(path)).rejects.toMatchObject({ code: "DATA_LOSS" });
  });

  it("makes changes one after the other, whoever asks at once", async () => {
    const path = newRoot();
    const index = await ImageIndex.open(path);
    const names = Array.from({ length: 20 }, (_, i) => `app${i % 10}:${i}`);
    await Promise.all(names.map((name) => add(index, name, imageOf(name))));
    await Promise.all(names.slice(0, 10).map((name) => index.remove(name)));
    expect(index.list()).toHaveLength(10);
    expect(new Set((await ImageIndex.open(path)).list())).toEqual(new Set(index.list()));
    expect((await files(path)).filter((name) => name.includes(".new-"))).toEqual([]);
  });
});

describe("collectGarbage()", () => {
  let root: string;
  let count = 0;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "keelson-garbage-"));
  });
  afterAll(() => rm(root, { recursive: true, force: true }));
  const open = () => ImageIndex.open(join(root, String(count++)));

  it("removes what no image needs: blobs, unpacked layers, and layers that others share not", async () => {
    const index = await open();
    const [a, b] = [imageOf("a"), imageOf("b")];
    const chainsOf = new Map<string, readonly Digest[]>();
    for (const [name, image] of [
      ["a:1", a],
      ["b:1", b],
    ] as const) {
      chainsOf.set(
        name,
        (await add(index, name, image)).layers.map(({ chainId }) => chainId),
      );
    }
    const unpacked = new Set([...chainsOf.values()].flat());
    expect(unpacked.size).toBe(3);
    const chains = { list: async () => [...unpacked], remove: async (id: Digest) => void unpacked.delete(id) };
    expect(await collectGarbage(index, { chains })).toEqual({ blobs: 0, bytes: 0, chains: 0, failures: [] });
    await index.remove("a:1");
    const top = a.layers[1]?.descriptor.size ?? 0;
    const bytes = a.manifest.bytes.byteLength + a.config.bytes.byteLength + top;
    expect(await collectGarbage(index, { chains })).toEqual({ blobs: 3, bytes, chains: 1, failures: [] });
    expect([...unpacked]).toEqual(chainsOf.get("b:1"));
    expect(await index.blobs.list()).toHaveLength(4);
  });

  it("leaves what is held or reserved, until the last one lets go", async () => {
    const index = await open();
    const image = imageOf("held");
    const { layers } = await add(index, "a:1", image);
    const unpacked = new Set(layers.map(({ chainId }) => chainId));
    const chains = { list: async () => [...unpacked], remove: async (id: Digest) => void unpacked.delete(id) };
    const releases = [index.hold(idOf(image)), index.hold(idOf(image))];
    await index.remove("a:1");
    expect(() => index.hold(idOf(image))).toThrow(expect.objectContaining({ code: "NOT_FOUND" }));
    releases[0]?.();
    releases[0]?.();
    expect(await collectGarbage(index, { chains })).toMatchObject({ blobs: 0, chains: 0 });
    const top = layers[1];
    if (top === undefined) throw new Error("no layer");
    const release = await index.reserve({ blobs: [top.digest], chains: [top.chainId] });
    releases[1]?.();
    expect(await collectGarbage(index, { chains })).toMatchObject({ blobs: 3, chains: 1 });
    expect([...unpacked]).toEqual([top.chainId]);
    release();
    expect(await collectGarbage(index, { chains })).toMatchObject({ blobs: 1, chains: 1 });
    expect(await index.blobs.list()).toEqual([]);
  });

  it("lets a reservation wait for the removal that is being made, and spares what comes after", async () => {
    const index = await open();
    const ids = ["1", "2"].map((digit) => parseDigest(`sha256:${digit.repeat(64)}`));
    const [first, second] = ids as [Digest, Digest];
    const removing = Promise.withResolvers<void>();
    const proceed = Promise.withResolvers<void>();
    const removed: Digest[] = [];
    const chains = {
      list: async () => ids,
      remove: async (id: Digest) => {
        removing.resolve();
        await proceed.promise;
        removed.push(id);
      },
    };
    const collecting = collectGarbage(index, { chains });
    await removing.promise;
    const reserving = index.reserve({ chains: [first, second] }).then((release) => {
      expect(removed).toEqual([first]);
      return release;
    });
    proceed.resolve();
    await reserving;
    expect(await collecting).toMatchObject({ chains: 1 });
    expect(removed).toEqual([first]);
  });

  it("goes on past a failure and reports it", async () => {
    const index = await open();
    const ids = ["1", "2"].map((digit) => parseDigest(`sha256:${digit.repeat(64)}`));
    const cause = new Error("busy");
    const chains = {
      list: async () => ids,
      remove: async (id: Digest) => {
        if (id === ids[0]) throw cause;
      },
    };
    expect(await collectGarbage(index, { chains })).toEqual({ blobs: 0, bytes: 0, chains: 1, failures: [cause] });
  });

  it("removes partial blobs and leftovers once they are old", async () => {
    const index = await open();
    const { root: path } = index.blobs;
    const [fresh, old, kept] = ["1", "2", "3"].map((digit) => digit.repeat(64)) as [string, string, string];
    for (const hex of [fresh, old, kept]) {
      await using ingest = await index.blobs.openIngest(parseDigest(`sha256:${hex}`));
      await ingest.write(new Uint8Array(10));
    }
    await writeFile(join(path, "blobs/sha256/.new-crash"), "x");
    await writeFile(join(path, ".new-crash"), "x");
    await mkdir(join(path, "ingest/odd"));
    for (const name of [`ingest/${old}`, `ingest/${kept}`, "ingest/odd", "blobs/sha256/.new-crash"])
      await utimes(join(path, name), 0, 0);
    await index.reserve({ blobs: [parseDigest(`sha256:${kept}`)] });
    expect((await collectGarbage(index)).failures).toEqual([]);
    expect((await readdir(join(path, "ingest"))).sort()).toEqual([fresh, kept]);
    expect(await readdir(join(path, "blobs/sha256"))).toEqual([]);
    await ImageIndex.open(path);
    expect((await readdir(path)).sort()).toEqual(["blobs", "index.json", "ingest", "oci-layout"]);
  });
});

describe("short image IDs", () => {
  it("must be unique, and have four hex digits at least", () => {
    const ids = ["aaaa1", "aaaa2", "bbbb1"].map((start) => parseDigest(`sha256:${start.padEnd(64, "0")}`));
    expect(findShortId("sha256:bbbb", ids)).toBe(ids[2]);
    expect(findShortId("sha256:aaaa1", ids)).toBe(ids[0]);
    expect(findShortId("sha256:cccc", ids)).toBeUndefined();
    expect(() => findShortId("sha256:aaaa", ids)).toThrow(expect.objectContaining({ code: "FAILED_PRECONDITION" }));
    expect(imageIdPrefix("abcd")).toBe("sha256:abcd");
    for (const text of ["", "abc", "sha256:", "sha256:abc", "ABCD", "abcg", "x".repeat(1000), "a".repeat(65)]) {
      expect(imageIdPrefix(text)).toBeUndefined();
    }
  });
});
