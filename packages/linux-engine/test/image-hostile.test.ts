import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { isCriError } from "@keelson/cri-api/errors";
import { blob, digestOf, jsonBlob } from "@keelson/image-store/build";
import { digestHex } from "@keelson/image-store/reference";
import { describe, expect, test } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { contentOf, serve, startScriptedRegistry } from "../../image-store/test/scripted-registry.ts";
import { Canary } from "./canary.ts";
import { hostileLayers } from "./hostile-layers.ts";
import { ImageBench, imageOf } from "./image-bench.ts";
import { emptyStore, failureOf, until, usePullBench } from "./pull-bench.ts";
import { buildTar, type Member } from "./tar-builder.ts";
import { listKinds, listTree } from "./tree-listing.ts";

describe.skipIf(linuxGate.skip)("pull() of what is broken or means harm", { timeout: 30_000 }, () => {
  const pulls = usePullBench();

  test("T2.09: a blob that the registry has spoiled is DATA_LOSS, leaves nothing, and a mended one can be pulled", async () => {
    const image = imageOf([[{ name: "good" }], [{ name: "bad", content: Buffer.alloc(100_000, "x") }]], {
      compression: "none",
    });
    const name = await pulls.publish(image, "spoiled:1");
    const digest = digestHex(image.layers[1]?.descriptor.digest ?? digestOf(Buffer.alloc(0)));
    const file = join(pulls.registry.storage, "docker/registry/v2/blobs/sha256", digest.slice(0, 2), digest, "data");
    const whole = readFileSync(file);
    const spoiled = Buffer.from(whole);
    spoiled[50_000] = 0;
    for (const bytes of [spoiled, whole.subarray(0, 70_000)]) {
      writeFileSync(file, bytes);
      const failure = await failureOf(pulls.bench.pull(name));
      expect(failure.code).toBe("DATA_LOSS");
      expect(failure.hint).toBeTruthy();
      expect(await pulls.bench.stored()).toMatchObject({ tmp: 0, containers: 0 });
      expect(await pulls.bench.images.engine.list(undefined)).toEqual([]);
    }
    writeFileSync(file, whole);
    const started = performance.now();
    await pulls.bench.pull(name);
    expect(performance.now() - started).toBeLessThan(60_000);
    expect(await pulls.bench.stored()).toMatchObject({ ingest: 0, tmp: 0, sha256: 2 });
  });

  test.each<[string, string, Buffer]>([
    ["cut within a file", "DATA_LOSS", buildTar([{ name: "f", content: Buffer.alloc(5000) }]).subarray(0, 2048)],
    ["no archive", "DATA_LOSS", Buffer.alloc(2048, "garbage")],
    ["a file of 2^60 bytes", "INVALID_ARGUMENT", buildTar([{ name: "f", size: 2n ** 60n }])],
    ["a sparse file", "INVALID_ARGUMENT", buildTar([{ name: "f", type: "S" }])],
    ["an extended header of 1 GiB", "RESOURCE_EXHAUSTED", buildTar([{ name: "x", type: "x", size: 1024 ** 3 }])],
  ])("T2.08, T2.09: a layer that is %s is %s and leaves nothing", async (_, code, layer) => {
    const name = await pulls.publish(imageOf([[{ name: "good" }], layer]), "broken:1");
    expect(await failureOf(pulls.bench.pull(name))).toMatchObject({ code, hint: expect.any(String) });
    expect(await pulls.bench.stored()).toEqual(emptyStore);
    const good = await pulls.publish(imageOf([[{ name: "good" }], [{ name: "whole" }]]), "whole:1");
    const started = performance.now();
    await pulls.bench.pull(good);
    expect(performance.now() - started).toBeLessThan(60_000);
  });

  test("T2.01: layers that lead out by .., links and hard links are refused by name, and nothing outside changes", async () => {
    using canary = new Canary();
    const before = canary.state();
    const layer = join(pulls.bench.root, "snapshots", "tmp", "layer", "fs");
    for (const [index, [way, members]] of hostileLayers(layer, canary.folder).entries()) {
      const name = await pulls.publish(imageOf([[{ name: "good" }], members]), `hostile:${index}`);
      const outcome = await pulls.bench.pull(name).then(
        () => "pulled",
        (error: unknown) => (isCriError(error) ? error.code : String(error)),
      );
      expect([way, ["pulled", "INVALID_ARGUMENT"].includes(outcome), outcome]).toEqual([way, true, outcome]);
      expect([way, canary.state()]).toEqual([way, before]);
    }
    const refused = await failureOf(pulls.bench.pull(pulls.named("hostile:0")));
    expect(refused.message).toMatch(/\.\./);
    expect(await pulls.bench.stored()).toMatchObject({ tmp: 0, ingest: 0, containers: 0 });
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
    const name = await pulls.publish({ ...plain, manifest, layers: [{ ...layer, diffId }] }, "bomb:1");
    expect((await failureOf(pulls.bench.pull(name))).code).toBe("RESOURCE_EXHAUSTED");
    expect(await pulls.bench.stored()).toEqual(emptyStore);
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
    for (const { host, url } of [stuck, pulls.registry]) other.serve(host, url);
    await other.open({ lanePatienceMs: 50 });
    const stalled = other.pull(`${stuck.host}/stalls:1`);
    // the lower layer waits for its bytes, and the upper one, whose bytes are here, for the lower one: both lanes are taken
    await until(() => [low, high].every((blob) => stuck.seen.some(({ url }) => url.endsWith(String(blob)))));
    await other.pull(await pulls.publish(imageOf([[{ name: "good" }]]), "good:1"));
    gate.resolve();
    const { id } = await stalled;
    expect(listKinds(await other.mount(id, "c1"))).toEqual(["d folder", "d/high file", "d/low file"]);
    await other.clear();
    expect(await other.stored()).toEqual(emptyStore);
  });

  test("T2.08: an image's opaque folders are remembered in bounds", async () => {
    const long = `${"d".repeat(250)}/`.repeat(15);
    const folders = (count: number, mark: string): Member[] =>
      Array.from({ length: count }, (_, n) => ({ name: "f", pax: [["path", `${long}${mark}${n}/.wh..wh..opq`]] }));
    const many = await pulls.publish(imageOf(["a", "b"].map((mark) => folders(850, mark))), "opaque:1");
    expect(await failureOf(pulls.bench.pull(many))).toMatchObject({
      code: "RESOURCE_EXHAUSTED",
      message: expect.stringContaining("with those below it"),
    });
    expect(await pulls.bench.stored()).toEqual(emptyStore);
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
    const evilName = await pulls.publish(claim, "claim:1");
    const honestName = await pulls.publish(honest, "honest:1");
    expect(await failureOf(pulls.bench.pull(evilName))).toMatchObject({ code: "DATA_LOSS" });
    expect(await pulls.bench.stored()).toEqual(emptyStore);
    const { id } = await pulls.bench.pull(honestName);
    // Now the chain is there: whoever does not have its bytes gets nothing of it, and no name.
    const before = await pulls.bench.stored();
    expect(await failureOf(pulls.bench.pull(evilName))).toMatchObject({ code: "DATA_LOSS" });
    expect(await pulls.bench.stored()).toEqual(before);
    // The same bytes compressed in another way are the same layer.
    const otherBlob = await pulls.publish(
      imageOf([[{ name: "secret", content: "honest" }]], { compression: "none" }),
      "plain:1",
    );
    await pulls.bench.pull(otherBlob);
    expect((await pulls.bench.stored()).sha256).toBe(before.sha256);
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
    const [thiefName, thirdName] = [await pulls.publish(thief, "thief:1"), await pulls.publish(third, "third:1")];
    const [stolen, owned] = await Promise.allSettled([pulls.bench.pull(thiefName), pulls.bench.pull(thirdName)]);
    expect([stolen.status, owned.status]).toEqual(["rejected", "fulfilled"]);
    expect(listTree(await pulls.bench.mount(id, "c1")).get("secret")).toMatchObject({ holds: "honest" });
  });
});
