import { mkdirSync } from "node:fs";
import { digestHex } from "@keelson/image-store/reference";
import { describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import { mountSync, unmountSync } from "../src/sys/mount.ts";
import { CountingProxy, ImageBench, imageOf, spec } from "./image-bench.ts";
import { emptyStore, failureOf, until, usePullBench } from "./pull-bench.ts";
import { listKinds, listTree } from "./tree-listing.ts";

const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");

describe.skipIf(linuxGate.skip)("pull()", { timeout: 30_000 }, () => {
  const pulls = usePullBench();

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
    const name = await pulls.publish(image, "full:1");
    const { id, ref } = await pulls.bench.pull(name);
    expect(id).toBe(image.config.descriptor.digest);
    expect(ref).toBe(pulls.named(`full@${image.manifest.descriptor.digest}`));
    const seen = listTree(await pulls.bench.mount(id, "c1"));
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
    expect(await pulls.bench.stored()).toEqual({ blobs: 5, ingest: 0, sha256: 3, tmp: 0, containers: 1 });
  });

  test("brings docker's and OCI's kinds of image, and layers without and with compression", async () => {
    const layers = [[{ name: "f", content: "x" }], [{ name: "g", content: "y" }]];
    for (const format of ["oci", "docker"] as const) {
      for (const compression of ["none", "gzip", "zstd"] as const) {
        const name = await pulls.publish(imageOf(layers, { format, compression }), `kinds:${format}-${compression}`);
        const { id } = await pulls.bench.pull(name);
        expect(listKinds(await pulls.bench.mount(id, `${format}-${compression}`))).toEqual(["f file", "g file"]);
      }
    }
  });

  test("lists, shows, resolves and removes what was pulled, by each of its names", async () => {
    const settings = { User: "65534:0", Env: ["A=b"], Labels: { k: "v" }, Volumes: { "/data": {} } };
    const image = imageOf([[{ name: "f" }]], { config: settings });
    const name = await pulls.publish(image, "named:1");
    const { engine } = pulls.bench.images;
    expect(await engine.list(undefined)).toEqual([]);
    await pulls.bench.pull(name);
    const id = image.config.descriptor.digest;
    const digest = pulls.named(`named@${image.manifest.descriptor.digest}`);
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
    expect(await engine.status(spec(pulls.named("named:2")))).toBeUndefined();
    await expect(engine.resolve(spec(pulls.named("named:2")))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await engine.remove(spec(pulls.named("named:2")));
    await engine.remove(spec(id));
    expect(await engine.list(undefined)).toEqual([]);
    expect(await pulls.bench.stored()).toEqual(emptyStore);
  });

  test("two pulls at once share one transfer, also of two images that share layers", async () => {
    const base = [{ name: "base", content: Buffer.alloc(300_000, "b") }];
    const one = imageOf([base, [{ name: "one" }]]);
    const two = imageOf([base, [{ name: "two" }]]);
    const names = [await pulls.publish(one, "shared:1"), await pulls.publish(two, "shared:2")];
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const asked = [...names, ...names].map((name) => pulls.bench.pull(name));
    await until(() => proxy.blobRequests().size > 0);
    gate.resolve();
    const ids = (await Promise.all(asked)).map(({ id }) => id);
    expect(ids).toEqual([one, two, one, two].map(({ config }) => config.descriptor.digest));
    for (const layer of [...one.layers, ...two.layers]) {
      expect(proxy.blobRequests().get(layer.descriptor.digest)).toBe(1);
    }
    expect(await pulls.bench.stored()).toMatchObject({ sha256: 3, tmp: 0, ingest: 0 });
  });

  test("a second pull asks the registry again, and for no blob (T1.09)", async () => {
    const name = await pulls.publish(imageOf([[{ name: "again" }]]), "again:1");
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    await pulls.bench.pull(name);
    proxy.requests.length = 0;
    await pulls.bench.pull(name);
    expect(proxy.requests.length).toBeGreaterThan(0);
    expect(proxy.blobRequests().size).toBe(0);
  });

  test("a pull that is given up ends at once, leaves nothing visible, and the next one goes on with its bytes", async () => {
    const content = Buffer.from(Array.from({ length: 4_000_000 }, (_, at) => (at * 2654435761) >>> 13));
    const image = imageOf([[{ name: "first" }], [{ name: "big", content }]], { compression: "none" });
    const name = await pulls.publish(image, "given-up:1");
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    const { engine } = pulls.bench.images;
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const giveUp = new AbortController();
    const pull = failureOf(pulls.bench.pull(name, { signal: giveUp.signal }));
    await until(() => proxy.blobRequests().size > 0);
    giveUp.abort();
    expect((await pull).code).toBe("CANCELED");
    expect(await engine.list(undefined)).toEqual([]);
    gate.resolve();
    proxy.hold = undefined;
    await pulls.bench.pull(name);
    expect(await engine.list(undefined)).toHaveLength(1);
    expect(await pulls.bench.stored()).toMatchObject({ ingest: 0, tmp: 0, sha256: 2 });
  });

  test("one of two pulls given up harms the other one not", async () => {
    const base = [{ name: "base", content: "b" }];
    const names = [
      await pulls.publish(imageOf([base, [{ name: "left" }]]), "pair:1"),
      await pulls.publish(imageOf([base, [{ name: "right" }]]), "pair:2"),
    ];
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    const { engine } = pulls.bench.images;
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    const giveUp = new AbortController();
    const first = failureOf(pulls.bench.pull(names[0] ?? "", { signal: giveUp.signal }));
    await until(() => proxy.blobRequests().size > 0);
    const second = pulls.bench.pull(names[1] ?? "");
    await until(() => proxy.requests.some((line) => line.includes("pair/manifests/2")));
    giveUp.abort();
    expect((await first).code).toBe("CANCELED");
    gate.resolve();
    await second;
    expect((await engine.list(undefined)).map(({ repoTags }) => repoTags)).toEqual([[names[1]]]);
  });

  test("an image that is not there is NOT_FOUND, a registry that is down RegistryUnavailable", async () => {
    expect(await failureOf(pulls.bench.pull(pulls.named("missing:1")))).toMatchObject({ code: "NOT_FOUND" });
    const gone = await startDockerRegistry();
    pulls.bench.serve(gone.host, gone.url);
    await gone.close();
    await expect(pulls.bench.pull(`${gone.host}/missing:1`)).rejects.toMatchObject({
      code: "UNKNOWN",
      prefix: "RegistryUnavailable",
    });
    expect((await failureOf(pulls.bench.pull("not a name"))).code).toBe("INVALID_ARGUMENT");
    expect((await failureOf(pulls.bench.pull("x".repeat(10_000_000)))).code).toBe("INVALID_ARGUMENT");
    expect(await pulls.bench.stored()).toEqual(emptyStore);
  });

  test("a pull whose time is over is DEADLINE_EXCEEDED", async () => {
    const name = await pulls.publish(imageOf([[{ name: "slow" }]]), "slow:1");
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    const gate = Promise.withResolvers<void>();
    proxy.hold = gate.promise;
    await using other = new ImageBench();
    other.serve(pulls.registry.host, proxy.url);
    await other.open({ pullDeadlineMs: 700 });
    expect((await failureOf(other.pull(name))).code).toBe("DEADLINE_EXCEEDED");
    gate.resolve();
    expect(await other.stored()).toMatchObject({ tmp: 0, sha256: 0 });
  });

  test("a connection that is cut is taken up where it broke", async () => {
    const content = Buffer.from(Array.from({ length: 900_000 }, (_, at) => (at * 2654435761) >>> 11));
    const image = imageOf([[{ name: "f", content }]], { compression: "none" });
    const name = await pulls.publish(image, "cut:1");
    await using proxy = await CountingProxy.start(pulls.registry.url);
    pulls.bench.serve(pulls.registry.host, proxy.url);
    proxy.cutAfter = 400_000;
    const { id } = await pulls.bench.pull(name);
    expect(listTree(await pulls.bench.mount(id, "c1")).get("f")?.holds).toBe(content.toString("latin1"));
    expect(proxy.blobRequests().get(image.layers[0]?.descriptor.digest ?? "")).toBeGreaterThan(1);
  });

  test("a full disk is RESOURCE_EXHAUSTED and leaves nothing, and with space the same pull goes through", async () => {
    // Few bytes in the registry, many on the disk.
    const name = await pulls.publish(imageOf([[{ name: "zeros", content: Buffer.alloc(12_000_000) }]]), "full-disk:1");
    await using other = new ImageBench();
    other.serve(pulls.registry.host, pulls.registry.url);
    mkdirSync(other.root, { mode: 0o700 });
    mountSync({ target: other.root, type: "tmpfs", data: "size=8m" });
    try {
      await other.open();
      expect(await failureOf(other.pull(name))).toMatchObject({ code: "RESOURCE_EXHAUSTED", hint: expect.any(String) });
      expect(await other.stored()).toEqual(emptyStore);
      mountSync({ target: other.root, type: "tmpfs", flags: ["remount"], data: "size=32m" });
      await other.pull(name);
      expect(await other.stored()).toMatchObject({ sha256: 1, tmp: 0 });
    } finally {
      await other.close();
      unmountSync(other.root);
    }
  });
});
