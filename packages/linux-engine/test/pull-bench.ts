// What a suite of pulls needs: a registry, and a node's images, which are cleared after each test.
import { setTimeout } from "node:timers/promises";
import { isCriError } from "@keelson/cri-api/errors";
import type { BuiltImage } from "@keelson/image-store/build";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type DockerRegistry, startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import { ImageBench, push } from "./image-bench.ts";

export interface PullBench {
  readonly registry: DockerRegistry;
  readonly bench: ImageBench;
  /** The name of an image in the registry. */
  named(name: string): string;
  /** Pushes an image and answers its name. */
  publish(image: BuiltImage, name: string): Promise<string>;
}

/** For the body of a `describe`: there from its first test to its last one. */
export function usePullBench(): PullBench {
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
  return {
    get registry() {
      return registry;
    },
    get bench() {
      return bench;
    },
    named,
    async publish(image, name) {
      await push(image, registry.url, named(name));
      return named(name);
    },
  };
}

/** What `ImageBench.stored` says of a store in which nothing is. */
export const emptyStore = { blobs: 0, ingest: 0, sha256: 0, tmp: 0, containers: 0 } as const;

/** @throws when the pull succeeds, and what is no `CriError` */
export async function failureOf(
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

/** Waits for something that comes about by itself; the test's own time is the limit. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await setTimeout(5);
}
