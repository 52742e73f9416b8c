import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import {
  type BuiltImage,
  buildImage,
  buildIndex,
  busyboxImage,
  pushImage,
  pushManifest,
  writeTar,
} from "../src/build/index.ts";
import { BlobStore, fetchIntoStore, ImageIndex, inflateAndVerify, planPull, streamIntoStore } from "../src/index.ts";
import { digestHex, parseReference } from "../src/reference/index.ts";
import { createRegistryClient, type RegistryClient } from "../src/registry/index.ts";
import { type DockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { plainHosts, type RegistryFolder } from "./scripted-registry.ts";

const signal = new AbortController().signal;
const layers = [
  [
    { path: "a/", type: "directory" as const },
    { path: "a/f", content: "one".repeat(100_000) },
  ],
  [{ path: "a/g", content: "two" }],
];

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe.skipIf(linuxGate.skip)("a pull from a real registry", () => {
  let registry: DockerRegistry;
  let hosts: RegistryFolder;
  let client: RegistryClient;
  let root: string;
  beforeAll(async () => {
    registry = await startDockerRegistry();
    hosts = await plainHosts(registry.host);
    client = createRegistryClient({ configPath: hosts.path, retry: { baseDelayMs: 1 } });
    root = await mkdtemp(join(tmpdir(), "keelson-store-"));
  });
  afterAll(async () => {
    await client?.close();
    await registry?.close();
    await hosts?.[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  });

  const push = async (name: string, image: BuiltImage): Promise<string> => {
    const text = `${registry.host}/${name}`;
    await pushImage(image, { registry: registry.url, reference: parseReference(text) });
    return text;
  };
  /** The file in which the registry keeps a blob. */
  const blobFile = (hex: string): string =>
    join(registry.storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");

  it.each(["oci", "docker"] as const)(
    "brings an image of the %s family into the store, layer by layer",
    async (format) => {
      const image = buildImage({ layers, format, config: { Cmd: ["sh"] } });
      const name = await push(`pull/${format}:1`, image);
      const plan = await planPull(name, { client });
      expect(plan.imageId).toBe(image.config.descriptor.digest);
      expect(plan.manifest.digest).toBe(image.manifest.descriptor.digest);
      expect(plan.config.parsed.cmd).toEqual(["sh"]);
      expect(plan.layers.map(({ digest }) => digest)).toEqual(image.layers.map(({ descriptor }) => descriptor.digest));
      const index = await ImageIndex.open(join(root, format));
      const options = { session: plan.session, store: index.blobs, what: "pull", signal };
      for (const [i, layer] of plan.layers.entries()) {
        const { mediaType, diffId } = layer;
        const tar = await bytesOf(inflateAndVerify(streamIntoStore(layer, options), { mediaType, diffId }));
        expect(tar).toEqual(Buffer.from(writeTar(layers[i] ?? [])));
        // a second time from the store
        await fetchIntoStore(layer, options);
        expect((await bytesOf(streamIntoStore(layer, options))).length).toBe(layer.size);
      }
      await index.blobs.writeBlob(plan.config.bytes);
      await index.blobs.writeBlob(plan.manifest.bytes);
      const stored = await index.add(plan);
      expect(stored.id).toBe(plan.imageId);
      expect(stored.repoTags).toEqual([name]);
      expect(stored.repoDigests).toEqual([`${registry.host}/pull/${format}@${plan.manifest.digest}`]);
      expect(await readdir(join(root, format, "ingest"))).toEqual([]);
      expect((await ImageIndex.open(join(root, format))).list()).toEqual([stored]);
    },
  );

  it("chooses the manifest of an index by platform, and keeps the index's digest as the name", async () => {
    const [amd, arm] = ["amd64", "arm64"].map((architecture) =>
      buildImage({ layers: [[{ path: architecture }]], architecture }),
    );
    if (amd === undefined || arm === undefined) throw new Error("unreachable");
    await push("pull/multi:amd", amd);
    await push("pull/multi:arm", arm);
    const list = buildIndex(
      new Map([
        ["linux/arm64/v8", arm],
        ["linux/amd64", amd],
      ]),
    );
    const reference = parseReference(`${registry.host}/pull/multi:1`);
    await pushManifest(list, { registry: registry.url, reference });
    const pull = (architecture: string) =>
      planPull(reference, { client, platform: { os: "linux", architecture, variant: "" } });
    expect((await pull("amd64")).imageId).toBe(amd.config.descriptor.digest);
    const plan = await pull("arm64");
    expect(plan.imageId).toBe(arm.config.descriptor.digest);
    expect(plan.resolved).toBe(list.descriptor.digest);
    await expect(pull("s390x")).rejects.toMatchObject({
      code: "NOT_FOUND",
      hint: expect.stringContaining("linux/amd64"),
    });
    const pinned = await planPull(`${registry.host}/pull/multi:wrong@${list.descriptor.digest}`, {
      client,
      platform: { os: "linux", architecture: "amd64", variant: "" },
    });
    expect(pinned.imageId).toBe(amd.config.descriptor.digest);
  });

  it("asks only whether the tag still means the same when the last answer is known", async () => {
    const image = busyboxImage();
    const name = await push("pull/known:1", image);
    const cache = await BlobStore.open(join(root, "known"));
    await cache.writeBlob(image.manifest.bytes);
    await cache.writeBlob(image.config.bytes);
    const lastKnown = image.manifest.descriptor.digest;
    // without them at the registry the pull can only be planned from the cache
    await rm(blobFile(digestHex(image.config.descriptor.digest)));
    const plan = await planPull(name, { client, cache, lastKnown });
    expect(plan.imageId).toBe(image.config.descriptor.digest);
    await push("pull/known:1", buildImage({ layers }));
    expect((await planPull(name, { client, cache, lastKnown })).imageId).not.toBe(image.config.descriptor.digest);
  });

  it.each(["pull/none:1", "pull/oci:nothing"])("says NOT_FOUND for %s, which is not there", async (name) => {
    await push("pull/oci:1", buildImage({ layers }));
    await expect(planPull(`${registry.host}/${name}`, { client })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining(name),
      hint: "check the name and the tag",
    });
  });

  it.each([
    [
      "one byte changed",
      async (file: string) => {
        const bytes = await readFile(file);
        bytes[10] = (bytes[10] ?? 0) ^ 1;
        await writeFile(file, bytes);
      },
    ],
    ["its end cut off", async (file: string) => truncate(file, 50)],
    ["something appended", async (file: string) => writeFile(file, "more", { flag: "a" })],
  ])("says DATA_LOSS for a layer with %s, and leaves nothing behind", async (_, spoil) => {
    const image = buildImage({ layers: [[{ path: "f", content: String(Math.random()) }]] });
    const name = await push("pull/spoilt:1", image);
    const [layer] = (await planPull(name, { client })).layers;
    if (layer === undefined) throw new Error("no layer");
    await spoil(blobFile(digestHex(layer.digest)));
    const store = await BlobStore.open(await mkdtemp(join(root, "spoilt-")));
    const { session } = await planPull(name, { client });
    const options = { session, store, what: "pull spoilt", signal };
    const failure = expect.objectContaining({ code: "DATA_LOSS", hint: expect.stringContaining("pull again") });
    await expect(fetchIntoStore(layer, options)).rejects.toEqual(failure);
    await expect(bytesOf(streamIntoStore(layer, options))).rejects.toEqual(failure);
    expect(await store.list()).toEqual([]);
  });

  it("asks for credentials where the registry does, and answers PERMISSION_DENIED to wrong ones", async () => {
    // bcrypt of "secret-word", cost 4
    await using guarded = await startDockerRegistry({ htpasswd: `user:${bcryptOfSecretWord}\n` });
    await using folder = await plainHosts(guarded.host);
    await using own = createRegistryClient({ configPath: folder.path });
    const auth = { username: "user", password: "secret-word" };
    const reference = parseReference(`${guarded.host}/private/app:1`);
    const image = buildImage({ layers });
    await pushImage(image, { registry: guarded.url, reference, auth });
    const plan = await planPull(reference, { client: own, auth });
    expect(plan.imageId).toBe(image.config.descriptor.digest);
    const encoded = { auth: Buffer.from("user:secret-word").toString("base64") };
    expect((await planPull(reference, { client: own, auth: encoded })).imageId).toBe(plan.imageId);
    for (const wrong of [undefined, { username: "user", password: "wrong-word" }]) {
      await expect(planPull(reference, { client: own, ...(wrong && { auth: wrong }) })).rejects.toMatchObject({
        code: "PERMISSION_DENIED",
        message: expect.stringContaining("pull access denied"),
      });
    }
  });

  it("T1.09 asks the registry with the caller's credentials, whatever lies in the store", async () => {
    await using guarded = await startDockerRegistry({ htpasswd: `user:${bcryptOfSecretWord}\n` });
    await using folder = await plainHosts(guarded.host);
    await using own = createRegistryClient({ configPath: folder.path });
    const auth = { username: "user", password: "secret-word" };
    const reference = parseReference(`${guarded.host}/private/app:1`);
    const image = buildImage({ layers });
    await pushImage(image, { registry: guarded.url, reference, auth });
    const cache = await BlobStore.open(join(root, "private"));
    for (const { bytes } of [image.manifest, image.config, ...image.layers]) await cache.writeBlob(bytes);
    const lastKnown = image.manifest.descriptor.digest;
    expect((await planPull(reference, { client: own, auth, cache, lastKnown })).imageId).toBe(
      image.config.descriptor.digest,
    );
    const pinned = { ...reference, digest: lastKnown };
    for (const target of [reference, pinned]) {
      const attempt = planPull(target, {
        client: own,
        cache,
        lastKnown,
        auth: { username: "other", password: "wrong-word" },
      });
      await expect(attempt).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    }
  });
});

const bcryptOfSecretWord = "$2a$04$abcdefghijklmnopqrstuujV0zJ3tj1V5vPQQ5i8Bd/sbbeTbZTaC";
