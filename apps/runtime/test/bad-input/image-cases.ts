import { readFile, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type BuiltImage, buildImage, type TarEntry } from "@keelson/image-store/build";
import { digestHex } from "@keelson/image-store/reference";
import { describe, expect, test } from "vitest";
import { startDockerRegistry } from "../../../../packages/image-store/test/docker-registry.ts";
import type { Refusal } from "../harness/refusals.ts";
import type { Stage } from "./stage.ts";

/** What can't be pulled. */
export function imageCases(stage: () => Stage): void {
  const named = (name: string): string => `${stage().node.registry.host}/${name}`;
  const pull = (name: string) => () => stage().pull(name);
  const layerFile = (image: BuiltImage): string => {
    const hex = digestHex(image.layers.at(-1)?.descriptor.digest ?? image.config.descriptor.digest);
    return join(stage().node.registry.storage, "docker/registry/v2/blobs/sha256", hex.slice(0, 2), hex, "data");
  };

  describe("an image", () => {
    test("that the registry does not have is not found; one that was not pulled is to be pulled", async () => {
      const { refused, create } = stage();
      await refused(
        [pull(named("images:none")), "NOT_FOUND", /images:none.*check the name and the tag/],
        [pull(named("nobody/nothing:1")), "NOT_FOUND", /nobody\/nothing:1.*check the name and the tag/],
        [() => create({ image: named("nobody/nothing:1") }), "NOT_FOUND", /nobody\/nothing:1.*pull/],
      );
    });

    test("of a registry that is down is unavailable, in the form that a kubelet knows", async () => {
      const registry = await startDockerRegistry();
      await registry.close();
      const unreachable = /good:1.*can't be reached.*check the host's name/;
      const [error] = await stage().refused([pull(`${registry.host}/good:1`), "UNKNOWN", unreachable]);
      expect(error).toMatchObject({ prefix: "RegistryUnavailable" });
    });

    test("with a name that is none is refused", async () => {
      const names = ["", " ", "a b", "../x", "http://a/b", "a\nb", "a\u001b[2J", "UPPER", "a/".repeat(200), "a:b:c"];
      await stage().refused(
        ...names.map((name): Refusal => [pull(name), "INVALID_ARGUMENT", /reference|image\.image/]),
      );
    });

    test("T1.05: by a digest that is none is refused", async () => {
      const { refused, cri } = stage();
      const hex = "a".repeat(64);
      const digests = [
        "sha256:../../x",
        `sha256:${"A".repeat(64)}`,
        `sha256:${hex.slice(1)}`,
        "__proto__:a",
        `sha512:${hex}`,
      ];
      const none = /want "sha256:" and 64 lower-case hex digits/;
      await refused(...digests.map((digest): Refusal => [pull(named(`images@${digest}`)), "INVALID_ARGUMENT", none]));
      for (const image of digests) {
        const found = await cri.images.imageStatus({ image: { image } }).catch((error: unknown) => {
          expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
          return { image: undefined };
        });
        expect(found.image, image).toBeUndefined();
      }
    });

    test("T2.09: of which a layer was spoiled or cut is data loss; mended it is pulled at once", async () => {
      const { refused, push } = stage();
      const image = buildImage({ layers: [[{ path: "f", content: Buffer.alloc(90_000, "x").toString("base64") }]] });
      const name = await push(image);
      const whole = await readFile(layerFile(image));
      for (const [change, message] of [
        [(bytes: Buffer) => bytes.writeUInt8(bytes.readUInt8(30) ^ 1, 30), /gzip|digest/],
        [(bytes: Buffer) => bytes.fill(0), /gzip|digest/],
      ] as const) {
        const spoiled = Buffer.from(whole);
        change(spoiled);
        await writeFile(layerFile(image), spoiled);
        await refused([pull(name), "DATA_LOSS", message]);
      }
      await writeFile(layerFile(image), whole);
      await truncate(layerFile(image), whole.length - 20);
      await refused([pull(name), "DATA_LOSS", /bytes|ended|short/]);
      await writeFile(layerFile(image), whole);
      const began = performance.now();
      expect(await stage().pull(name)).toContain("sha256:");
      expect(performance.now() - began).toBeLessThan(5000);
    });

    test("T2.01 T2.02 T2.03: whose layer leads out touches nothing outside", async () => {
      const { canary, push, refused } = stage();
      const refusals = await Promise.all(
        layersThatLeadOut(canary.folder).map(async (entries): Promise<Refusal> => {
          const name = await push(buildImage({ layers: [entries] }));
          return [pull(name), "INVALID_ARGUMENT", /apply layer.*build it again/];
        }),
      );
      await refused(...refusals);
    });

    test("T3.11: whose environment, command or labels are none is refused, and the daemon goes on", async () => {
      const { refused, push, node, cri } = stage();
      const pid = node.pid;
      const faults: Record<string, unknown>[] = [
        ...[["NOEQ"], ["*"], ["=x"], ["A=\0"], [1], "A=b"].map((Env) => ({ Env })),
        { Entrypoint: "sh" },
        { Cmd: [{}] },
        { Labels: [] },
        { User: "no\nbody" },
        { WorkingDir: 7 },
      ];
      const refusals: Refusal[] = [];
      for (const settings of faults) {
        const name = await push([], settings);
        const message = new RegExp(`image config: ${Object.keys(settings)[0]}.*build and push it anew`);
        refusals.push([pull(name), "FAILED_PRECONDITION", message]);
      }
      await refused(...refusals);
      expect(node.pid).toBe(pid);
      expect((await cri.runtime.version({})).runtimeName).toBe("keelson");
    });
  });
}

function layersThatLeadOut(target: string): (readonly TarEntry[])[] {
  const up = `${"../".repeat(30)}${target.slice(1)}`;
  return [
    [{ path: `${up}/evil`, content: "x" }],
    [{ path: `${target}/evil` }, { path: `/etc/../${up}/evil` }],
    [
      { path: "link", type: "symlink", link: target },
      { path: "link/evil", content: "x" },
    ],
    [
      { path: "link", type: "symlink", link: up },
      { path: "link/file", content: "x", mode: 0o777 },
    ],
    [
      { path: "hard", type: "hardlink", link: `${target}/file` },
      { path: "hard", content: "x", mode: 0o777 },
    ],
    [{ path: "hard", type: "hardlink", link: `${up}/file` }],
    [
      { path: "link", type: "symlink", link: target },
      { path: "hard", type: "hardlink", link: "link/file" },
    ],
    [
      { path: ".", type: "symlink", link: target },
      { path: "evil", content: "x" },
    ],
    [{ path: `${up}/.wh.file` }],
  ];
}
