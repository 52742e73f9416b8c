import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { isCriError } from "@keelson/cri-api/errors";
import { type BuiltImage, blob, digestOf, jsonBlob } from "@keelson/image-store/build";
import { digestHex } from "@keelson/image-store/reference";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { type DockerRegistry, startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import { contentOf, serve, startScriptedRegistry } from "../../image-store/test/scripted-registry.ts";
import { mountSync, unmountSync } from "../src/sys/mount.ts";
import { Canary } from "./canary.ts";
import { hostileLayers } from "./hostile-layers.ts";
import { CountingProxy, ImageBench, imageOf, push, spec } from "./image-bench.ts";
import { buildTar, type Member } from "./tar-builder.ts";
import { listKinds, listTree } from "./tree-listing.ts";

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
const empty = { blobs: 0, ingest: 0, sha256: 0, tmp: 0, containers: 0 };

describe.skipIf(linuxGate.skip)("pull()", { timeout: 30_000 }, () => {
  let registry: DockerRegistry;
  let bench: ImageBench;
  beforeAll(async () => {
    registry = await startDockerRegistry();
    bench = new ImageBench();
    await bench.open({ retryMs: 1 });
  });
  afterAll(async () => {
    await bench?.[Symbol.asyncDispose]();
    await registry?.close();
  });
  beforeEach(() => {
    bench.serve(registry.host, registry.url);
  });
  afterEach(async () => {
    await bench.clear();
  });

  const named = (name: string): string => `${registry.host}/${name}`;

  /** Pushes an image and answers its name. */
  async function publish(image: BuiltImage, name: string): Promise<string> {
    await push(image, registry.url, named(name));
    return named(name);
  }

  async function failureOf(
    pull: Promise<unknown>,
  ): Promise<{ code: string; message: string; hint: string | undefined }> {
    try {
      await pull;
    } catch (error) {
      if (isCriError(error)) return { code: error.code, message: error.message, hint: error.hint };
      throw error;
    }
    throw new Error("the pull did not fail");
  }

  test("brings an image of many layers, as overlayfs then shows it to a container", async () => {
    const image = imageOf([
      [
        { name: "./", mode: 0o751, uid: 1, mtime: 9 },
        { name: "usr/" },
        { name: "usr/bin/", mode: 0o750, gid: 12 },
        { name: "usr/bin/sh", content: "sh", mode: 0o4755, uid: 7, gid: 8, mtime: 1_234_567_890 },
        { name: "bin", type: "2", link: "usr/bin" },
        { name: "gone/" },
        { name: "gone/f" },
        { name: "kept/" },
        { name: "kept/old" },
        { name: Buffer.from([0x66, 0xff]), content: "bytes" },
        { name: Buffer.from([0x66, 0xfe]), content: "other bytes" },
      ],
      [
        { name: "usr/bin/ping", mode: 0o755, pax: [["SCHILY.xattr.security.capability", capability]] },
        { name: ".wh.gone" },
        { name: "kept/.wh..wh..opq" },
        { name: "kept/new", content: "new" },
      ],
      [
        { name: "bin/hard", type: "1", link: "bin/sh" },
        { name: Buffer.concat([Buffer.from(".wh.f"), Buffer.from([0xff])]) },
        { name: "dev/null", type: "3", devMajor: 1, devMinor: 3, mode: 0o666 },
      ],
    ]);
    const name = await publish(image, "full:1");
    const { id, ref } = await bench.pull(name);
    expect(id).toBe(image.config.descriptor.digest);
    expect(ref).toBe(named(`full@${image.manifest.descriptor.digest}`));
    const seen = listTree(await bench.mount(id, "c1"));
    expect([...seen].map(([path, { kind }]) => `${path} ${kind}`).sort()).toEqual(
      [
        ". folder",
        "bin symlink",
        "dev folder",
        "dev/null charDevice",
        "f\xfe file",
        "kept folder",
        "kept/new file",
        "usr folder",
        "usr/bin folder",
        "usr/bin/hard file",
        "usr/bin/ping file",
        "usr/bin/sh file",
      ].sort(),
    );
    expect(seen.get(".")).toMatchObject({ mode: 0o751, owner: "1:0" });
    expect(seen.get("usr/bin")).toMatchObject({ mode: 0o750, owner: "0:12" });
    const shell = { mode: 0o4755, owner: "7:8", holds: "sh", mtimeNs: 1_234_567_890_000_000_000n };
    expect(seen.get("usr/bin/sh")).toMatchObject(shell);
    expect(seen.get("usr/bin/hard")).toMatchObject(shell);
    expect(seen.get("usr/bin/ping")?.xattrs["security.capability"]).toBe(capability.toString("latin1"));
    expect(await bench.stored()).toEqual({ blobs: 5, ingest: 0, sha256: 3, tmp: 0, containers: 1 });
  });

  test("brings docker's and OCI's kinds of image, and layers without and with compression", async () => {
    const layers = [[{ name: "f", content: "x" }], [{ name: "g", content: "y" }]];
    for (const format of ["oci", "docker"] as const) {
      for (const compression of ["none", "gzip", "zstd"] as const) {
        const name = await publish(imageOf(layers, { format, compression }), `kinds:${format}-${compression}`);
        const { id } = await bench.pull(name);
        expect(listKinds(await bench.mount(id, `${format}-${compression}`))).toEqual(["f file", "g file"]);
      }
    }
  });

  test("lists, shows, resolves and removes what was pulled, by each of its names", async () => {
    const settings = { User: "65534:0", Env: ["A=b"], Labels: { k: "v" }, Volumes: { "/data": {} } };
    const image = imageOf([[{ name: "f" }]], { config: settings });
    const name = await publish(image, "named:1");
    const { engine } = bench.images;
    expect(await engine.list(undefined)).toEqual([]);
    await bench.pull(name);
    const id = image.config.descriptor.digest;
    const digest = named(`named@${image.manifest.descriptor.digest}`);
    for (const by of [name, digest, id, digestHex(id), digestHex(id).slice(0, 12)]) {
      const found = await engine.status(spec(by));
      expect(found).toMatchObject({ id, repoTags: [name], repoDigests: [digest], uid: { value: 65534n } });
      expect(found?.size).toBeGreaterThan(0n);
      expect(await engine.resolve(spec(by))).toEqual({ id, ref: digest });
      expect(await engine.list(spec(by))).toHaveLength(1);
    }
    // as image-spec writes it, which is what tools parse
    expect(await engine.inspect(spec(name))).toMatchObject({
      info: { chainID: expect.stringMatching(/^sha256:/), imageSpec: { os: "linux", rootfs: { type: "layers" } } },
    });
    const { info } = (await engine.inspect(spec(name))) as { readonly info: { imageSpec: { config: object } } };
    expect(info.imageSpec.config).toEqual(settings);
    const { imageFilesystems } = await engine.fsInfo();
    expect(imageFilesystems[0]?.usedBytes?.value).toBeGreaterThan(0n);
    expect(await engine.status(spec(named("named:2")))).toBeUndefined();
    await expect(engine.resolve(spec(named("named:2")))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await engine.remove(spec(named("named:2")));
    await engine.remove(spec(id));
    expect(await engine.list(undefined)).toEqual([]);
    expect(await bench.stored()).toEqual(empty);
  });

  test("two pulls at once share one transfer, also of two images that share layers", async () => {
    const base = [{ name: "base", content: Buffer.alloc(300_000, "b") }];
    const one = imageOf([base, [{ name: "one" }]]);
    const two = imageOf([base, [{ name: "two" }]]);
    const names = [await publish(one, "shared:1"), await publish(two, "shared:2")];
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const pulls = [...names, ...names].map((name) => bench.pull(name));
    await until(() => proxy.blobRequests().size > 0);
    gate.resolve();
    const ids = (await Promise.all(pulls)).map(({ id }) => id);
    expect(ids).toEqual([one, two, one, two].map(({ config }) => config.descriptor.digest));
    for (const layer of [...one.layers, ...two.layers]) {
      expect(proxy.blobRequests().get(layer.descriptor.digest)).toBe(1);
    }
    expect(await bench.stored()).toMatchObject({ sha256: 3, tmp: 0, ingest: 0 });
  });

  test("a second pull asks the registry again, and for no blob (T1.09)", async () => {
    const name = await publish(imageOf([[{ name: "again" }]]), "again:1");
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    await bench.pull(name);
    proxy.requests.length = 0;
    await bench.pull(name);
    expect(proxy.requests.length).toBeGreaterThan(0);
    expect(proxy.blobRequests().size).toBe(0);
  });

  test("a pull that is given up ends at once, leaves nothing visible, and the next one goes on with its bytes", async () => {
    const content = Buffer.from(Array.from({ length: 4_000_000 }, (_, at) => (at * 2654435761) >>> 13));
    const image = imageOf([[{ name: "first" }], [{ name: "big", content }]], { compression: "none" });
    const name = await publish(image, "given-up:1");
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const { engine } = bench.images;
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const giveUp = new AbortController();
    const pull = failureOf(bench.pull(name, { signal: giveUp.signal }));
    await until(() => proxy.blobRequests().size > 0);
    giveUp.abort();
    expect((await pull).code).toBe("CANCELED");
    expect(await engine.list(undefined)).toEqual([]);
    gate.resolve();
    proxy.hold = undefined;
    await bench.pull(name);
    expect(await engine.list(undefined)).toHaveLength(1);
    expect(await bench.stored()).toMatchObject({ ingest: 0, tmp: 0, sha256: 2 });
  });

  test("one of two pulls given up harms the other one not", async () => {
    const base = [{ name: "base", content: "b" }];
    const names = [
      await publish(imageOf([base, [{ name: "left" }]]), "pair:1"),
      await publish(imageOf([base, [{ name: "right" }]]), "pair:2"),
    ];
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const { engine } = bench.images;
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const giveUp = new AbortController();
    const first = failureOf(bench.pull(names[0] ?? "", { signal: giveUp.signal }));
    await until(() => proxy.blobRequests().size > 0);
    const second = bench.pull(names[1] ?? "");
    await until(() => proxy.requests.some((line) => line.includes("pair/manifests/2")));
    giveUp.abort();
    expect((await first).code).toBe("CANCELED");
    gate.resolve();
    await second;
    expect((await engine.list(undefined)).map(({ repoTags }) => repoTags)).toEqual([[names[1]]]);
  });

  test("an image that is not there is NOT_FOUND, a registry that is down RegistryUnavailable", async () => {
    expect(await failureOf(bench.pull(named("missing:1")))).toMatchObject({ code: "NOT_FOUND" });
    const gone = await startDockerRegistry();
    bench.serve(gone.host, gone.url);
    await gone.close();
    await expect(bench.pull(`${gone.host}/missing:1`)).rejects.toMatchObject({
      code: "UNKNOWN",
      prefix: "RegistryUnavailable",
    });
    expect((await failureOf(bench.pull("not a name"))).code).toBe("INVALID_ARGUMENT");
    expect((await failureOf(bench.pull("x".repeat(10_000_000)))).code).toBe("INVALID_ARGUMENT");
    expect(await bench.stored()).toEqual(empty);
  });

  test("T2.09: a blob that the registry has spoiled is DATA_LOSS, leaves nothing, and a mended one can be pulled", async () => {
    const image = imageOf([[{ name: "good" }], [{ name: "bad", content: Buffer.alloc(100_000, "x") }]], {
      compression: "none",
    });
    const name = await publish(image, "spoiled:1");
    const digest = digestHex(image.layers[1]?.descriptor.digest ?? digestOf(Buffer.alloc(0)));
    const file = join(registry.storage, "docker/registry/v2/blobs/sha256", digest.slice(0, 2), digest, "data");
    const whole = readFileSync(file);
    const spoiled = Buffer.from(whole);
    spoiled[50_000] = 0;
    for (const bytes of [spoiled, whole.subarray(0, 70_000)]) {
      writeFileSync(file, bytes);
      const failure = await failureOf(bench.pull(name));
      expect(failure.code).toBe("DATA_LOSS");
      expect(failure.hint).toBeTruthy();
      expect(await bench.stored()).toMatchObject({ tmp: 0, containers: 0 });
      expect(await bench.images.engine.list(undefined)).toEqual([]);
    }
    writeFileSync(file, whole);
    const started = performance.now();
    await bench.pull(name);
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(await bench.stored()).toMatchObject({ ingest: 0, tmp: 0, sha256: 2 });
  });

  test.each<[string, string, Buffer]>([
    ["cut within a file", "DATA_LOSS", buildTar([{ name: "f", content: Buffer.alloc(5000) }]).subarray(0, 2048)],
    ["no archive", "DATA_LOSS", Buffer.alloc(2048, "garbage")],
    ["a file of 2^60 bytes", "INVALID_ARGUMENT", buildTar([{ name: "f", size: 2n ** 60n }])],
    ["a sparse file", "INVALID_ARGUMENT", buildTar([{ name: "f", type: "S" }])],
    ["an extended header of 1 GiB", "RESOURCE_EXHAUSTED", buildTar([{ name: "x", type: "x", size: 1024 ** 3 }])],
  ])("T2.08, T2.09: a layer that is %s is %s and leaves nothing", async (_, code, layer) => {
    const name = await publish(imageOf([[{ name: "good" }], layer]), "broken:1");
    expect(await failureOf(bench.pull(name))).toMatchObject({ code, hint: expect.any(String) });
    expect(await bench.stored()).toEqual(empty);
    const good = await publish(imageOf([[{ name: "good" }], [{ name: "whole" }]]), "whole:1");
    const started = performance.now();
    await bench.pull(good);
    expect(performance.now() - started).toBeLessThan(60_000);
  });

  test("T2.01: layers that lead out by .., links and hard links are refused by name, and nothing outside changes", async () => {
    using canary = new Canary();
    const before = canary.state();
    const layer = join(bench.root, "snapshots", "tmp", "layer", "fs");
    for (const [index, [way, members]] of hostileLayers(layer, canary.folder).entries()) {
      const name = await publish(imageOf([[{ name: "good" }], members]), `hostile:${index}`);
      const outcome = await bench.pull(name).then(
        () => "pulled",
        (error: unknown) => (isCriError(error) ? error.code : String(error)),
      );
      expect([way, ["pulled", "INVALID_ARGUMENT"].includes(outcome), outcome]).toEqual([way, true, outcome]);
      expect([way, canary.state()]).toEqual([way, before]);
    }
    const refused = await failureOf(bench.pull(named("hostile:0")));
    expect(refused.message).toMatch(/\.\./);
    expect(await bench.stored()).toMatchObject({ tmp: 0, ingest: 0, containers: 0 });
  });

  test("T2.08: a layer that grows without measure is stopped", async () => {
    const bomb = gzipSync(Buffer.alloc(270 * 1024 * 1024), { level: 9 });
    const plain = imageOf([[{ name: "f" }]]);
    const layer = blob("application/vnd.oci.image.layer.v1.tar+gzip", bomb);
    const manifest = jsonBlob("application/vnd.oci.image.manifest.v1+json", {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: plain.config.descriptor,
      layers: [layer.descriptor],
    });
    const diffId = plain.layers[0]?.diffId ?? digestOf(bomb);
    const name = await publish({ ...plain, manifest, layers: [{ ...layer, diffId }] }, "bomb:1");
    expect((await failureOf(bench.pull(name))).code).toBe("RESOURCE_EXHAUSTED");
    expect(await bench.stored()).toEqual(empty);
  });

  test("T2.09: registries that stall keep no other pull waiting, and are gone on with when they send", async () => {
    const stalling = imageOf([[{ name: "d/" }, { name: "d/low" }], [{ name: "d/high" }]]);
    const [low, high] = stalling.layers.map(({ descriptor }) => `blobs/${descriptor.digest}`);
    const gate = Promise.withResolvers<void>();
    const answer = serve(contentOf({ "1": stalling }));
    await using stuck = await startScriptedRegistry(async (request, response) => {
      if (request.url?.endsWith(String(low)) === true) await gate.promise;
      await answer(request, response);
    });
    await using other = new ImageBench();
    for (const { host, url } of [stuck, registry]) other.serve(host, url);
    await other.open({ lanePatienceMs: 50 });
    const stalled = other.pull(`${stuck.host}/stalls:1`);
    // the lower layer waits for its bytes, and the upper one, whose bytes are here, for the lower one: both lanes are taken
    await until(() => [low, high].every((blob) => stuck.seen.some(({ url }) => url.endsWith(String(blob)))));
    await other.pull(await publish(imageOf([[{ name: "good" }]]), "good:1"));
    gate.resolve();
    const { id } = await stalled;
    expect(listKinds(await other.mount(id, "c1"))).toEqual(["d folder", "d/high file", "d/low file"]);
    await other.clear();
    expect(await other.stored()).toEqual(empty);
  });

  test("T2.08: an image's opaque folders are remembered in bounds", async () => {
    const long = `${"d".repeat(250)}/`.repeat(15);
    const folders = (count: number, mark: string): Member[] =>
      Array.from({ length: count }, (_, n) => ({ name: "f", pax: [["path", `${long}${mark}${n}/.wh..wh..opq`]] }));
    const many = await publish(imageOf(["a", "b"].map((mark) => folders(850, mark))), "opaque:1");
    expect(await failureOf(bench.pull(many))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: expect.stringContaining("with those below it"),
    });
    expect(await bench.stored()).toEqual(empty);
  });

  test("T1.08: an image that claims another one's layers is refused, and those stay as they were", async () => {
    const honest = imageOf([[{ name: "secret", content: "honest" }]]);
    const evil = imageOf([[{ name: "secret", content: "evil" }]]);
    const claim = {
      ...evil,
      config: honest.config,
      manifest: jsonBlob("application/vnd.oci.image.manifest.v1+json", {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: honest.config.descriptor,
        layers: evil.layers.map(({ descriptor }) => descriptor),
      }),
    };
    const evilName = await publish(claim, "claim:1");
    const honestName = await publish(honest, "honest:1");
    expect(await failureOf(bench.pull(evilName))).toMatchObject({ code: "DATA_LOSS" });
    expect(await bench.stored()).toEqual(empty);
    const { id } = await bench.pull(honestName);
    // Now the chain is there: whoever does not have its bytes gets nothing of it, and no name.
    const before = await bench.stored();
    expect(await failureOf(bench.pull(evilName))).toMatchObject({ code: "DATA_LOSS" });
    expect(await bench.stored()).toEqual(before);
    // The same bytes compressed in another way are the same layer.
    const otherBlob = await publish(
      imageOf([[{ name: "secret", content: "honest" }]], { compression: "none" }),
      "plain:1",
    );
    await bench.pull(otherBlob);
    expect((await bench.stored()).sha256).toBe(before.sha256);
    // Pulled at the same time, the one does not spoil the other.
    const third = imageOf([[{ name: "secret", content: "third" }]]);
    const thief = {
      ...claim,
      config: third.config,
      manifest: jsonBlob("application/vnd.oci.image.manifest.v1+json", {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: third.config.descriptor,
        layers: evil.layers.map(({ descriptor }) => descriptor),
      }),
    };
    const [thiefName, thirdName] = [await publish(thief, "thief:1"), await publish(third, "third:1")];
    const [stolen, owned] = await Promise.allSettled([bench.pull(thiefName), bench.pull(thirdName)]);
    expect([stolen.status, owned.status]).toEqual(["rejected", "fulfilled"]);
    expect(listTree(await bench.mount(id, "c1")).get("secret")).toMatchObject({ holds: "honest" });
  });

  test("a pull whose time is over is DEADLINE_EXCEEDED", async () => {
    const name = await publish(imageOf([[{ name: "slow" }]]), "slow:1");
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    await using other = new ImageBench();
    other.serve(registry.host, proxy.url);
    await other.open({ pullDeadlineMs: 700 });
    expect((await failureOf(other.pull(name))).code).toBe("DEADLINE_EXCEEDED");
    gate.resolve();
    expect(await other.stored()).toMatchObject({ tmp: 0, sha256: 0 });
  });

  test("a connection that is cut is taken up where it broke", async () => {
    const content = Buffer.from(Array.from({ length: 900_000 }, (_, at) => (at * 2654435761) >>> 11));
    const image = imageOf([[{ name: "f", content }]], { compression: "none" });
    const name = await publish(image, "cut:1");
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    proxy.cutAfter = 400_000;
    const { id } = await bench.pull(name);
    expect(listTree(await bench.mount(id, "c1")).get("f")?.holds).toBe(content.toString("latin1"));
    expect(proxy.blobRequests().get(image.layers[0]?.descriptor.digest ?? "")).toBeGreaterThan(1);
  });

  test("when a process of the pull is killed the pull fails, leaves nothing, and the next one starts new ones", async () => {
    const name = await publish(imageOf([[{ name: "f" }], [{ name: "g" }]]), "killed:1");
    await using proxy = await CountingProxy.start(registry.url);
    bench.serve(registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const pull = failureOf(bench.pull(name));
    await until(() => proxy.blobRequests().size > 0);
    const [first] = jailedProcesses(bench.root);
    process.kill(first ?? -1, "SIGKILL");
    expect((await pull).code).toBe("UNAVAILABLE");
    gate.resolve();
    await until(() => jailedProcesses(bench.root).length === 0);
    expect(await bench.stored()).toMatchObject({ tmp: 0, sha256: 0 });
    await bench.pull(name);
    expect(await bench.stored()).toMatchObject({ tmp: 0, sha256: 2 });
  });

  test("a full disk is RESOURCE_EXHAUSTED and leaves nothing, and with space the same pull goes through", async () => {
    // Few bytes in the registry, many on the disk.
    const name = await publish(imageOf([[{ name: "zeros", content: Buffer.alloc(12_000_000) }]]), "full-disk:1");
    await using other = new ImageBench();
    other.serve(registry.host, registry.url);
    mkdirSync(other.root, { mode: 0o700 });
    mountSync({ target: other.root, type: "tmpfs", data: "size=8m" });
    try {
      await other.open();
      expect(await failureOf(other.pull(name))).toMatchObject({ code: "RESOURCE_EXHAUSTED", hint: expect.any(String) });
      expect(await other.stored()).toEqual(empty);
      mountSync({ target: other.root, type: "tmpfs", flags: ["remount"], data: "size=32m" });
      await other.pull(name);
      expect(await other.stored()).toMatchObject({ sha256: 1, tmp: 0 });
    } finally {
      await other.close();
      unmountSync(other.root);
    }
  });

  test("the processes stay for a while after a pull, and end when the images are closed", async () => {
    const name = await publish(imageOf([[{ name: "linger" }]]), "linger:1");
    await using other = new ImageBench();
    other.serve(registry.host, registry.url);
    await other.open({ lingerMs: 60_000 });
    await other.pull(name);
    const running = jailedProcesses(other.root);
    expect(running).toHaveLength(3);
    await other.pull(name);
    expect(jailedProcesses(other.root)).toEqual(running);
    await other.close();
    expect(jailedProcesses(other.root)).toEqual([]);
    await other.open({ lingerMs: 1 });
    await other.pull(name);
    await until(() => jailedProcesses(other.root).length === 0);
  });

  test("the processes end with the daemon, also when it is killed", async () => {
    const name = await publish(imageOf([[{ name: "orphan" }]]), "orphan:1");
    await using other = new ImageBench();
    other.serve(registry.host, registry.url);
    mkdirSync(other.root, { mode: 0o700 });
    const host = fileURLToPath(new URL("./image-host.ts", import.meta.url));
    const daemon = spawn(process.execPath, [host, other.root, join(other.folder, "certs.d"), name], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [said] = await once(daemon.stdout, "data");
      expect(String(said)).toBe("pulled\n");
      // The daemon itself names the root, too.
      expect(jailedProcesses(other.root).length).toBe(4);
    } finally {
      daemon.kill("SIGKILL");
    }
    await until(() => jailedProcesses(other.root).length === 0);
    const { engine } = await other.open();
    expect(await engine.list(undefined)).toHaveLength(1);
    expect(await other.stored()).toMatchObject({ tmp: 0, sha256: 1 });
  });

  test("the fetcher has no capability, can write in the image store alone, and shows no credentials", async () => {
    const name = await publish(imageOf([[{ name: "auth" }]]), "auth:1");
    await bench.pull(name, { auth: { username: "user", password: "marker-secret" } });
    for (const pid of jailedProcesses(bench.root)) {
      const own = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "latin1");
      expect(own("cmdline") + own("environ")).not.toContain("marker-secret");
      if (!own("cmdline").includes("fetcher-process")) continue;
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        expect(own(`task/${thread}/status`)).toMatch(/^CapPrm:\s*0+$[\s\S]*^CapEff:\s*0+$/m);
      }
      const places = new Map(
        own("mountinfo")
          .split("\n")
          .slice(0, -1)
          .map((line) => [line.split(" ")[4], line.split(" ")[5]]),
      );
      const writable = [...places].filter(([, options]) => options?.split(",").includes("rw")).map(([place]) => place);
      expect(writable).toEqual([join(bench.root, "images")]);
    }
    expect(bench.logged.join("\n")).not.toContain("marker-secret");
  });
});

/** Waits for something that comes about by itself; the test's own time is the limit. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setTimeout(5);
}

/** Node processes in jails whose arguments name this root; a jail's own process is left out. */
function jailedProcesses(root: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0)
    .filter((pid) => {
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, "latin1").split("\0");
        return args[0]?.endsWith("node") === true && args.some((arg) => arg.startsWith(root));
      } catch {
        return false; // it has ended meanwhile
      }
    });
}
