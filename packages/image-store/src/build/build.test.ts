import { describe, expect, it } from "vitest";
import { parseImageConfig } from "../manifest/image-config.ts";
import { parseManifest } from "../manifest/manifest.ts";
import { mediaTypes } from "../manifest/media-types.ts";
import { buildImage, buildIndex, opaqueWhiteout, whiteout, writeTar } from "./index.ts";

describe("buildImage()", () => {
  const layers = [[{ path: "a", content: "1" }], [whiteout("a"), { path: "b", content: "2" }]];

  it.each(["oci", "docker"] as const)("makes what our own parsers take, of the %s family", (format) => {
    for (const compression of ["none", "gzip", "zstd"] as const) {
      const image = buildImage({ layers, format, compression, config: { Cmd: ["b"] } });
      const manifest = parseManifest(image.manifest.bytes, image.manifest.descriptor.mediaType, "test");
      if (manifest.kind !== "manifest") throw new Error("an index");
      expect(manifest.layers.map(({ digest }) => digest)).toEqual(
        image.layers.map(({ descriptor }) => descriptor.digest),
      );
      const config = parseImageConfig(image.config.bytes);
      expect(config.diffIds).toEqual(image.layers.map(({ diffId }) => diffId));
      expect(config.cmd).toEqual(["b"]);
    }
  });

  it("writes annotations into the manifest, and a manifest keeps those that are not too long", () => {
    const annotations = { short: "1", long: "x".repeat(5000), __proto__x: "2" };
    const { bytes, descriptor } = buildImage({ layers, annotations }).manifest;
    const manifest = parseManifest(bytes, descriptor.mediaType, "test");
    if (manifest.kind !== "manifest") throw new Error("an index");
    expect([...manifest.annotations]).toEqual([
      ["short", "1"],
      ["__proto__x", "2"],
    ]);
    const wrong = buildImage({ layers, annotations: { n: 1 as unknown as string } }).manifest;
    expect(() => parseManifest(wrong.bytes, descriptor.mediaType, "test")).toThrow(
      /annotation "n": it is not a string/,
    );
  });

  it("gives the same bytes for the same entries", () => {
    expect(buildImage({ layers }).manifest.descriptor.digest).toBe(buildImage({ layers }).manifest.descriptor.digest);
    expect(buildImage({ layers: layers.map((layer) => writeTar(layer)) })).toEqual(buildImage({ layers }));
  });

  it("puts images of several platforms below an index", () => {
    const list = buildIndex(new Map([["linux/arm64/v8", buildImage({ layers, architecture: "arm64" })]]));
    expect(parseManifest(list.bytes, mediaTypes.ociIndex, "test")).toMatchObject({
      kind: "index",
      manifests: [{ platform: { os: "linux", architecture: "arm64", variant: "v8" } }],
    });
  });
});

describe("whiteouts", () => {
  it("are named as the OCI image-spec says", () => {
    expect(whiteout("f").path).toBe(".wh.f");
    expect(whiteout("a/b/f").path).toBe("a/b/.wh.f");
    expect(opaqueWhiteout("a").path).toBe("a/.wh..wh..opq");
  });
});
