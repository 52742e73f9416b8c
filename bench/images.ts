// The images that are pulled. The same bytes in every run: what looks random is drawn from a seed.
import { Buffer } from "node:buffer";
import { accessSync, readFileSync } from "node:fs";
import { type BuiltImage, buildImage, busyboxImage, type TarEntry } from "../packages/image-store/src/build/index.ts";

const largeLayers = 5;
const filesPerLayer = 840;
/** Sizes of files, drawn evenly; they come to about 60 MB compressed. */
const fileSizes = [200, 800, 2_000, 4_000, 8_000, 12_000, 30_000, 120_000];

/** One layer, a megabyte: what the pods run. */
export const smallImage = (): BuiltImage => busyboxImage();

/** Busybox and five layers of many files, of which a third compresses badly and the rest as program text does. */
export function largeImage(): BuiltImage {
  const random = randomFrom(1);
  const words = Array.from({ length: 4096 }, () =>
    random()
      .toString(36)
      .slice(2, 5 + Math.floor(random() * 8)),
  );
  return busyboxImage({ layers: Array.from({ length: largeLayers }, (_, layer) => largeLayer(layer, words, random)) });
}

/** A path of each layer, to tell whether it is unpacked anywhere. */
export const smallMarks: readonly string[] = ["bin/busybox"];
export const largeMarks: readonly string[] = [
  ...smallMarks,
  ...Array.from({ length: largeLayers }, (_, layer) => `opt/${layer}/0/file-0`),
];

/** What containerd keeps in each pod: a process that does nothing. Shares no layer with the other images. */
export function pauseImage(): BuiltImage {
  const busybox = readFileSync(firstThatIsThere(["/bin/busybox", "/usr/bin/busybox"]));
  const layer: TarEntry[] = [
    { path: "bin/", type: "directory" },
    { path: "bin/sleep", mode: 0o755, content: busybox },
  ];
  return buildImage({ layers: [layer], config: { Entrypoint: ["/bin/sleep", "1000000000"] } });
}

function largeLayer(layer: number, words: readonly string[], random: () => number): TarEntry[] {
  const entries: TarEntry[] = [
    { path: "opt/", type: "directory" },
    { path: `opt/${layer}/`, type: "directory" },
  ];
  for (let file = 0; file < filesPerLayer; file++) {
    const folder = `opt/${layer}/${Math.floor(file / 40)}`;
    if (file % 40 === 0) entries.push({ path: `${folder}/`, type: "directory" });
    const size = fileSizes[Math.floor(random() * fileSizes.length)] ?? 0;
    const content = file % 3 === 0 ? noise(size, random) : text(size, words, random);
    entries.push({ path: `${folder}/file-${file}`, mode: file % 10 === 0 ? 0o755 : 0o644, content });
  }
  return entries;
}

function noise(size: number, random: () => number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; at++) bytes[at] = random() * 256;
  return bytes;
}

function text(size: number, words: readonly string[], random: () => number): Buffer {
  const bytes = Buffer.alloc(size, " ");
  // squared: some words are much more frequent than others
  for (let at = 0; at < size; ) at += bytes.write(words[Math.floor(random() ** 2 * words.length)] ?? "", at) + 1;
  return bytes;
}

/** Numbers from 0 up to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function firstThatIsThere(paths: readonly string[]): string {
  const found = paths.find((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no busybox at ${paths.join(" or ")}: install busybox-static`);
  return found;
}
