import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { isCriError } from "@keelson/cri-api/errors";
import { dataLoss } from "../manifest/data-loss.ts";
import { asArray, asObject, asString, own, parseJsonObject } from "../manifest/decode.ts";
import type { Descriptor } from "../manifest/descriptor.ts";
import { parseDescriptor } from "../manifest/manifest.ts";
import { mediaTypes } from "../manifest/media-types.ts";
import { temporaryPrefix, writeFileDurably } from "./durable-file.ts";
import { isMissing, storeError } from "./store-error.ts";

/** One line of `index.json`: a manifest under one of its names, or under none. */
export interface IndexEntry {
  readonly manifest: Descriptor;
  /** `docker.io/library/busybox:1.36` or `docker.io/library/busybox@sha256:…`. */
  readonly name: string | undefined;
}

const refName = "org.opencontainers.image.ref.name";
const layoutVersion = "1.0.0";
const maxEntries = 1_000_000;

/** Marks the folder as an OCI image layout, or checks that it is one of a version that is known. */
export async function openLayout(root: string): Promise<void> {
  const path = join(root, "oci-layout");
  try {
    await mkdir(root, { recursive: true, mode: 0o700 });
    for (const name of await readdir(root)) {
      if (name.startsWith(temporaryPrefix)) await rm(join(root, name), { force: true });
    }
    const bytes = await readIfThere(path);
    if (bytes === undefined) {
      if ((await readIfThere(join(root, "index.json"))) === undefined) await writeIndexFile(root, []);
      await writeFileDurably(path, Buffer.from(JSON.stringify({ imageLayoutVersion: layoutVersion })));
      return;
    }
    const version = own(parseJsonObject(bytes, "oci-layout"), "imageLayoutVersion");
    if (version !== layoutVersion) {
      throw dataLoss(
        `open image store: layout version ${JSON.stringify(version)}, want "${layoutVersion}"`,
        "use another root",
      );
    }
  } catch (cause) {
    throw isCriError(cause) ? cause : storeError("open image store", root, cause);
  }
}

/** The entries of `index.json`; none when it isn't there yet. @throws DATA_LOSS when it can't be read as one */
export async function readIndexFile(root: string): Promise<readonly IndexEntry[]> {
  const path = join(root, "index.json");
  const bytes = await readIfThere(path);
  if (bytes === undefined) return [];
  try {
    const object = parseJsonObject(bytes, "index.json");
    return asArray(own(object, "manifests"), "index.json: manifests", maxEntries).map(parseEntry);
  } catch (cause) {
    throw dataLoss(`read ${path}: ${(cause as Error).message}`, "move the image store away and pull the images again");
  }
}

/** Replaces `index.json` as a whole, durably. */
export async function writeIndexFile(root: string, entries: readonly IndexEntry[]): Promise<void> {
  const path = join(root, "index.json");
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: entries.map(({ manifest, name }) => ({
      ...manifest,
      ...(name !== undefined && { annotations: { [refName]: name } }),
    })),
  };
  try {
    await writeFileDurably(path, Buffer.from(JSON.stringify(index)));
  } catch (cause) {
    throw storeError("write", path, cause);
  }
}

function parseEntry(value: unknown, i: number): IndexEntry {
  const what = `index.json: manifest ${i + 1}`;
  const object = asObject(value, what);
  const annotations = own(object, "annotations");
  const name = annotations === undefined ? undefined : own(asObject(annotations, `${what}: annotations`), refName);
  return {
    manifest: parseDescriptor(value, what),
    name: name === undefined ? undefined : asString(name, `${what}: name`, 1024),
  };
}

async function readIfThere(path: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    throw storeError("read", path, cause);
  }
}
