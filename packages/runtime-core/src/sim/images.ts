import { create } from "@bufbuild/protobuf";
import { invalidArgument, notFound, quote } from "@keelson/cri-api/errors";
import { FilesystemUsageSchema, type Image, ImageSchema, type ImageSpec } from "@keelson/cri-api/v1";
import type { Clock, ImageEngine, ResolvedImage } from "../ports/index.ts";
import { conformanceImages } from "./conformance-images.ts";
import type { Faults } from "./faults.ts";
import { formatImageReference, isDigest, parseImageReference } from "./image-reference.ts";
import { checkLogin } from "./registry-login.ts";
import type { CheckedScript, ScriptImage } from "./script.ts";
import { type DescribedImage, describeImage, type StoredImage } from "./stored-image.ts";
import type { Life } from "./world.ts";

export interface ImagesOptions {
  readonly life: Life;
  readonly script: CheckedScript;
  readonly clock: Clock;
  readonly faults: Faults;
}

/** The images of a simulated node: what was pulled from a registry that has what the script lists. */
export function createImages(options: ImagesOptions): ImageEngine {
  const { life, clock, faults } = options;
  const registry = readRegistry(options.script.images ?? conformanceImages);
  const stored = life.images;

  const find = (spec: ImageSpec): StoredImage | undefined => findImage(stored, spec);

  return {
    async list(filter) {
      if (filter === undefined || filter.image === "") return [...stored.values()].map(asImage);
      const found = find(filter);
      return found === undefined ? [] : [asImage(found)];
    },
    async status(spec) {
      const found = find(spec);
      return found === undefined ? undefined : asImage(found);
    },
    async inspect(spec) {
      const found = find(spec);
      if (found === undefined) return {};
      return { info: { simulated: true, user: found.user, stopSignal: found.stopSignal } };
    },
    async pull({ image, auth }, task) {
      const reference = parseImageReference(image.image);
      const name = formatImageReference(reference);
      task.stage("pulling", name);
      await faults.reach("image.pull", task.signal);
      task.signal.throwIfAborted();
      const found = await registry.find(reference.repository, name);
      if (found === undefined) {
        throw notFound(`pull ${quote(name)}: the simulated registry has no such image`, {
          hint: "list it under images in the script, or leave images out for those of the conformance suite",
        });
      }
      checkLogin(found.login, auth, name);
      return keep(stored, found, name, `${reference.repository}@${found.manifestDigest}`);
    },
    async remove(spec) {
      const found = find(spec);
      if (found !== undefined) stored.delete(found.id);
    },
    async resolve(spec) {
      const found = find(spec);
      if (found === undefined) {
        throw notFound(`find image ${quote(spec.image)}: it is not on this node`, { hint: "pull it first" });
      }
      return resolved(found);
    },
    async fsInfo() {
      const usedBytes = [...stored.values()].reduce((sum, one) => sum + BigInt(one.sizeBytes), 0n);
      const usage = create(FilesystemUsageSchema, {
        timestamp: clock.now(),
        fsId: { mountpoint: "/simulated" },
        usedBytes: { value: usedBytes },
        inodesUsed: { value: BigInt(stored.size) },
      });
      return { imageFilesystems: [usage], containerFilesystems: [usage] };
    },
  };
}

interface Registry {
  find(repository: string, name: string): Promise<DescribedImage | undefined>;
}

function readRegistry(images: readonly ScriptImage[]): Registry {
  const tagged = new Map<string, ScriptImage>();
  const repositories = new Map<string, string[]>();
  for (const image of images) {
    const reference = parseImageReference(image.ref);
    if (reference.digest !== "") {
      throw invalidArgument(`read script: image ${quote(image.ref)} has a digest`, {
        hint: "name images by tag; the simulated registry answers for the digest of what it has",
      });
    }
    const name = formatImageReference(reference);
    tagged.set(name, image);
    repositories.set(reference.repository, [...(repositories.get(reference.repository) ?? []), name]);
  }
  return {
    async find(repository, name) {
      const image = tagged.get(name);
      if (image !== undefined) return await describeImage(image, name);
      for (const other of repositories.get(repository) ?? []) {
        const candidate = tagged.get(other);
        if (candidate === undefined) continue;
        const described = await describeImage(candidate, other);
        if (name === `${repository}@${described.manifestDigest}`) return described;
      }
      return undefined;
    },
  };
}

/** By ID, by a unique beginning of it, or by name; a name that only looks like an ID is a name first. */
export function findImage(stored: ReadonlyMap<string, StoredImage>, spec: ImageSpec): StoredImage | undefined {
  const text = spec.image;
  if (isDigest(text)) return stored.get(text);
  const all = [...stored.values()];
  const name = formatImageReference(parseImageReference(text));
  const named = all.find((one) => one.tags.has(name) || one.digests.has(name));
  if (named !== undefined || !/^[0-9a-f]{4,64}$/.test(text)) return named;
  const [first, ...others] = all.filter((one) => one.id.startsWith(`sha256:${text}`));
  return others.length === 0 ? first : undefined;
}

function keep(stored: Map<string, StoredImage>, found: DescribedImage, name: string, digest: string): ResolvedImage {
  const before = stored.get(found.id);
  const image: StoredImage = before ?? { ...found, tags: new Set(), digests: new Set() };
  // a tag names one image: it moves
  for (const other of stored.values()) other.tags.delete(name);
  if (!name.includes("@")) image.tags.add(name);
  image.digests.add(digest);
  stored.set(image.id, image);
  return { id: image.id, ref: digest };
}

function resolved(image: StoredImage): ResolvedImage {
  return { id: image.id, ref: [...image.digests][0] ?? image.id };
}

function asImage(image: StoredImage): Image {
  const [user = ""] = image.user.split(":");
  return create(ImageSchema, {
    id: image.id,
    repoTags: [...image.tags],
    repoDigests: [...image.digests],
    size: BigInt(image.sizeBytes),
    ...(/^[0-9]+$/.test(user) ? { uid: { value: BigInt(user) } } : { username: user }),
    spec: { annotations: image.annotations },
    pinned: image.pinned,
  });
}
