import { type BuiltImage, buildImage, jsonBlob, type TarEntry } from "@keelson/image-store/build";

/** An image with one more layer than another one, or none, and other settings; what both have is not built again. */
export function imageOn(
  base: BuiltImage,
  entries: readonly TarEntry[],
  settings: Readonly<Record<string, unknown>> = {},
): BuiltImage {
  const top = entries.length === 0 ? [] : buildImage({ layers: [entries] }).layers;
  const layers = [...base.layers, ...top];
  const old = JSON.parse(Buffer.from(base.config.bytes).toString("utf8")) as { readonly config: object };
  const config = jsonBlob(base.config.descriptor.mediaType, {
    ...old,
    config: { ...old.config, ...settings },
    rootfs: { type: "layers", diff_ids: layers.map(({ diffId }) => diffId) },
    history: [],
  });
  const manifest = jsonBlob(base.manifest.descriptor.mediaType, {
    schemaVersion: 2,
    mediaType: base.manifest.descriptor.mediaType,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
  });
  return { manifest, config, layers };
}
