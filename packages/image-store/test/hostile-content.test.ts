import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type BuiltBlob, blob, buildImage, digestOf, jsonBlob } from "../src/build/index.ts";
import {
  BlobStore,
  fetchIntoStore,
  ImageIndex,
  inflateAndVerify,
  mediaTypes,
  type PullPlan,
  planPull,
} from "../src/index.ts";
import { createRegistryClient } from "../src/registry/index.ts";
import { contentOf, plainHosts, type Script, serve, startScriptedRegistry } from "./scripted-registry.ts";

const image = buildImage({ layers: [[{ path: "f", content: "hello" }]] });
const { descriptor } = image.manifest;
const signal = new AbortController().signal;

/** Plans a pull of `app:1` (or another tag or digest) from a registry that follows the script. */
async function plan(script: Script, suffix = ":1"): Promise<PullPlan> {
  await using registry = await startScriptedRegistry(script);
  await using hosts = await plainHosts(registry.host);
  await using client = createRegistryClient({ configPath: hosts.path, retry: { baseDelayMs: 1, attempts: 2 } });
  return await planPull(`${registry.host}/app${suffix}`, { client });
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of stream) expect(chunk.byteLength).toBeGreaterThan(0);
}

const manifestOf = (value: Record<string, unknown>): BuiltBlob =>
  jsonBlob(mediaTypes.ociManifest, {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: image.config.descriptor,
    layers: image.layers.map((layer) => layer.descriptor),
    ...value,
  });
const refused = { code: "FAILED_PRECONDITION" };

describe("T1.04 bytes are what they are called", () => {
  it.each([
    ["a manifest and an index at once", manifestOf({ manifests: [descriptor] }), "at once"],
    [
      "an index with a config",
      jsonBlob(mediaTypes.ociIndex, { schemaVersion: 2, manifests: [], config: {} }),
      "at once",
    ],
    [
      "an index that came as a manifest",
      blob(
        mediaTypes.ociManifest,
        jsonBlob(mediaTypes.ociIndex, { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [descriptor] })
          .bytes,
      ),
      "but came as",
    ],
    ["a manifest of another family", blob(mediaTypes.dockerManifest, image.manifest.bytes), "but came as"],
    [
      "a manifest without a type that came as JSON",
      blob("application/json", manifestOf({ mediaType: undefined }).bytes),
      "no image manifest",
    ],
    ["Docker's schema 1", jsonBlob(mediaTypes.dockerSchema1Signed, { schemaVersion: 1 }), "schema 1"],
    ["schema version 1 under a new name", manifestOf({ schemaVersion: 1 }), "schemaVersion"],
    [
      "an artifact",
      manifestOf({ config: { ...image.config.descriptor, mediaType: "application/vnd.example+json" } }),
      "no container image",
    ],
    ["a layer that is none", manifestOf({ layers: [{ ...descriptor, mediaType: "text/html" }] }), "is no layer"],
    ["an empty body", blob(mediaTypes.ociManifest, new Uint8Array()), "not valid JSON"],
    ["bytes that are no UTF-8", blob(mediaTypes.ociManifest, new Uint8Array([0x7b, 0xff, 0x7d])), "not valid JSON"],
    ["a list", jsonBlob(mediaTypes.ociManifest, []), "not an object"],
  ])("T1.04 refuses %s", async (_, manifest, why) => {
    const attempt = plan(serve(contentOf({ "1": manifest })));
    await expect(attempt).rejects.toMatchObject({ ...refused, message: expect.stringContaining(why) });
  });

  it("T1.04 refuses another body for a pinned digest, though the registry claims it is that", async () => {
    const other = manifestOf({ annotations: { a: "b" } });
    const content = contentOf({ "1": image });
    content.set(`manifests/${descriptor.digest}`, {
      bytes: other.bytes,
      descriptor: { ...other.descriptor, digest: descriptor.digest },
    });
    const failure = { code: "DATA_LOSS", message: expect.stringContaining(`want ${descriptor.digest}`) };
    await expect(plan(serve(content), `@${descriptor.digest}`)).rejects.toMatchObject(failure);
    await expect(plan(serve(content), `:1@${descriptor.digest}`)).rejects.toMatchObject(failure);
  });

  it("T1.04 refuses a child of an index that has another type or size than the index says", async () => {
    for (const wrong of [{ mediaType: mediaTypes.dockerManifest }, { size: descriptor.size + 1 }]) {
      const platform = { os: "linux", architecture: process.arch === "arm64" ? "arm64" : "amd64" };
      const list = jsonBlob(mediaTypes.ociIndex, {
        schemaVersion: 2,
        manifests: [{ ...descriptor, ...wrong, platform }],
      });
      const content = contentOf({ "2": image, "1": list });
      await expect(plan(serve(content))).rejects.toMatchObject({ message: expect.stringMatching(/want /) });
    }
  });
});

describe("T1.05 digests are checked before they are used", () => {
  let canary: string;
  let index: ImageIndex;
  beforeAll(async () => {
    canary = await mkdtemp(join(tmpdir(), "keelson-canary-"));
    index = await ImageIndex.open(join(canary, "root", "store"));
  });
  afterAll(() => rm(canary, { recursive: true, force: true }));

  const hex = "0123456789abcdef".repeat(4);
  it.each([
    `sha256:../../x`,
    `sha256:${hex.toUpperCase()}`,
    `sha256:${hex.slice(1)}`,
    "__proto__:a",
    `md5:${hex}`,
    7,
    null,
  ])("T1.05 refuses %j in a config, a layer, an index entry and a diff_id", async (digest) => {
    const bad = { ...descriptor, digest };
    const config = jsonBlob(mediaTypes.ociConfig, {
      os: "linux",
      architecture: "amd64",
      rootfs: { type: "layers", diff_ids: [digest] },
    });
    const documents = [
      manifestOf({ config: { ...bad, mediaType: mediaTypes.ociConfig } }),
      manifestOf({ layers: [{ ...bad, mediaType: mediaTypes.ociLayerGzip }] }),
      jsonBlob(mediaTypes.ociIndex, { schemaVersion: 2, manifests: [bad] }),
      manifestOf({ config: config.descriptor }),
    ];
    for (const document of documents) {
      const content = contentOf({ "1": document });
      content.set(`blobs/${config.descriptor.digest}`, config);
      await expect(plan(serve(content))).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("64 lower-case hex digits"),
      });
    }
    // nor does it lead out of the store when somebody asks for it
    await index.remove(String(digest)).catch((error: unknown) => {
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
    });
    expect((await readdir(canary, { recursive: true })).sort()).toEqual([
      "root",
      "root/store",
      "root/store/blobs",
      "root/store/blobs/sha256",
      "root/store/index.json",
      "root/store/ingest",
      "root/store/oci-layout",
    ]);
  });

  it.each([-1, 1.5, 2 ** 53, "7", null, undefined])("T12.03 refuses the size %j", async (size) => {
    const manifest = manifestOf({ layers: [{ ...image.layers[0]?.descriptor, size }] });
    await expect(plan(serve(contentOf({ "1": manifest })))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("size"),
    });
  });

  it("T1.01 refuses descriptors with urls", async () => {
    const manifest = manifestOf({
      layers: [{ ...image.layers[0]?.descriptor, urls: ["https://elsewhere.example/blob"] }],
    });
    await expect(plan(serve(contentOf({ "1": manifest })))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("urls"),
    });
  });
});

describe("T1.06 nothing is read without a bound", () => {
  /** Sends `prefix` and then as many spaces as somebody takes. */
  const endless =
    (headers: Record<string, string>): Script =>
    (_, response) => {
      response.writeHead(200, headers);
      const chunk = Buffer.alloc(64 * 1024, 0x20);
      const more = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on("drain", more);
      more();
    };
  const grownBy = async (task: () => Promise<void>): Promise<number> => {
    const before = process.memoryUsage().rss;
    await task();
    return process.memoryUsage().rss - before;
  };

  it("T1.06 an endless manifest, config or token ends at its limit", async () => {
    const growth = await grownBy(async () => {
      const json = { "content-type": mediaTypes.ociManifest };
      await expect(plan(endless(json))).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("longer than 4194304"),
      });
      const content = contentOf({ "1": image });
      const endlessConfig: Script = (request, response) =>
        (request.url?.includes("/blobs/") ? endless({}) : serve(content))(request, response);
      await expect(plan(endlessConfig)).rejects.toMatchObject({
        code: "DATA_LOSS",
        message: expect.stringContaining("longer than"),
      });
      const endlessToken: Script = (request, response) =>
        request.url === "/token?scope=repository%3Aapp%3Apull"
          ? endless({})(request, response)
          : void response
              .writeHead(401, { "www-authenticate": `Bearer realm="http://${request.headers.host}/token"` })
              .end();
      await expect(plan(endlessToken)).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("longer than 65536"),
      });
    });
    expect(growth).toBeLessThan(256 * 2 ** 20);
  });

  it("T1.06 a config that says it has more than 8 MiB is not fetched", async () => {
    const manifest = manifestOf({ config: { ...image.config.descriptor, size: 8 * 2 ** 20 + 1 } });
    let blobs = 0;
    const script: Script = (request, response) => {
      if (request.url?.includes("/blobs/")) blobs++;
      return serve(contentOf({ "1": manifest }))(request, response);
    };
    await expect(plan(script)).rejects.toMatchObject({ ...refused, message: expect.stringContaining("8388608") });
    expect(blobs).toBe(0);
  });

  it.each(["gzip", "gzip, gzip", "br", "deflate", "aws-chunked"])(
    "T1.06 refuses the Content-Encoding %s",
    async (encoding) => {
      const script: Script = (_, response) => {
        response.writeHead(200, { "content-type": mediaTypes.ociManifest, "content-encoding": encoding });
        response.end(gzipSync(image.manifest.bytes));
      };
      await expect(plan(script)).rejects.toMatchObject({
        ...refused,
        message: expect.stringContaining("Content-Encoding"),
      });
    },
  );

  it("T1.06 a header of more than 16 KiB ends the request", async () => {
    const script: Script = (_, response) => void response.writeHead(200, { "x-long": "x".repeat(20_000) }).end();
    await expect(plan(script)).rejects.toMatchObject({ code: "UNKNOWN" });
  });

  it("T12.02 a document nested a million deep is an error, not a crash", async () => {
    for (const bytes of [
      `{"layers":${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}}`,
      `${'{"a":'.repeat(500_000)}1${"}".repeat(500_000)}`,
    ]) {
      const manifest = blob(mediaTypes.ociManifest, Buffer.from(bytes));
      await expect(plan(serve(contentOf({ "1": manifest })))).rejects.toMatchObject(refused);
    }
  });
});

describe("T1.07 index graphs are bounded", () => {
  const index = (children: readonly BuiltBlob[], salt: number): BuiltBlob =>
    jsonBlob(mediaTypes.ociIndex, {
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: children.map((child) => child.descriptor),
      annotations: { salt: String(salt) },
    });

  it("T1.07 refuses ten levels of ten children in under a second", async () => {
    const content = new Map<string, BuiltBlob>();
    let level: readonly BuiltBlob[] = [image.manifest];
    for (let depth = 0; depth < 10; depth++) {
      const children = level;
      level = Array.from({ length: 10 }, (_, i) => index(children, depth * 10 + i));
      for (const item of level) content.set(`manifests/${item.descriptor.digest}`, item);
    }
    content.set("manifests/1", index(level, -1));
    const start = performance.now();
    await expect(plan(serve(content))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("nested deeper than 3"),
    });
    expect(performance.now() - start).toBeLessThan(10_000);
  });

  it("T1.07 refuses more than 1,000 descriptors, in one index or in all", async () => {
    const entry = (i: number) => ({
      ...descriptor,
      digest: digestOf(Buffer.from(String(i))),
      platform: { os: "linux", architecture: "s390x" },
    });
    const wide = (count: number, from: number) =>
      jsonBlob(mediaTypes.ociIndex, {
        schemaVersion: 2,
        manifests: Array.from({ length: count }, (_, i) => entry(from + i)),
      });
    await expect(plan(serve(contentOf({ "1": wide(1001, 0) })))).rejects.toMatchObject(refused);
    const parts = [wide(600, 0), wide(600, 600)];
    const content = contentOf({ a: parts[0] as BuiltBlob, b: parts[1] as BuiltBlob, "1": index(parts, 0) });
    await expect(plan(serve(content))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining("1000 descriptors"),
    });
  });

  it("T1.07 finds the image through one nested index, and visits nothing twice", async () => {
    const inner = index([image.manifest], 1);
    const content = contentOf({ "2": image, inner, "1": index([inner, inner, inner], 2) });
    expect((await plan(serve(content))).imageId).toBe(image.config.descriptor.digest);
    const empty = index([], 3);
    let requests = 0;
    const counted: Script = (request, response) => {
      requests++;
      return serve(contentOf({ empty, "1": index([empty, empty, empty], 4) }))(request, response);
    };
    await expect(plan(counted)).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect(requests).toBe(2);
  });
});

describe("T1.08 a layer is what its bytes are", () => {
  it("T1.08 refuses an image whose config claims another image's layer, or another number of them", async () => {
    const victim = buildImage({ layers: [[{ path: "bin/login", content: "right" }]] });
    const attacker = buildImage({ layers: [[{ path: "bin/login", content: "wrong" }]] });
    const claim = (diffIds: readonly unknown[]) => {
      const config = jsonBlob(mediaTypes.ociConfig, {
        os: "linux",
        architecture: process.arch === "arm64" ? "arm64" : "amd64",
        rootfs: { type: "layers", diff_ids: diffIds },
      });
      const manifest = jsonBlob(mediaTypes.ociManifest, {
        schemaVersion: 2,
        config: config.descriptor,
        layers: attacker.layers.map((layer) => layer.descriptor),
      });
      return contentOf({ "1": { manifest, config, layers: attacker.layers } });
    };
    const root = await mkdtemp(join(tmpdir(), "keelson-claim-"));
    try {
      await using registry = await startScriptedRegistry(serve(claim([victim.layers[0]?.diffId])));
      await using hosts = await plainHosts(registry.host);
      await using client = createRegistryClient({ configPath: hosts.path });
      const { session, layers } = await planPull(`${registry.host}/app:1`, { client });
      const store = await BlobStore.open(root);
      for (const layer of layers) {
        await fetchIntoStore(layer, { session, store, what: "pull", signal });
        const tar = inflateAndVerify(store.streamBlob(layer.digest), layer);
        await expect(drain(tar)).rejects.toMatchObject({
          code: "DATA_LOSS",
          message: expect.stringContaining(`the image config wants ${victim.layers[0]?.diffId}`),
        });
      }
      for (const count of [[], [victim.layers[0]?.diffId, victim.layers[0]?.diffId]]) {
        await expect(plan(serve(claim(count)))).rejects.toMatchObject({
          ...refused,
          message: expect.stringContaining("diff_ids"),
        });
      }
      expect((await ImageIndex.open(root)).list()).toEqual([]);
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});

describe("image configs", () => {
  it.each([
    [{ Env: ["NOEQ"] }, 'has no "="'],
    [{ Env: ["*"] }, 'has no "="'],
    [{ Env: ["=x"] }, "has no name"],
    [{ Env: ["A=\0"] }, "NUL"],
    [{ Cmd: "sh" }, "not a list"],
    [{ User: "a\nroot" }, "control characters"],
  ])("T3.11 a pull refuses %j", async (config, why) => {
    const bad = buildImage({ layers: [], config });
    await expect(plan(serve(contentOf({ "1": bad })))).rejects.toMatchObject({
      ...refused,
      message: expect.stringContaining(why),
    });
  });
});
