import { pauseImage } from "../../../../../bench/images.ts";
import { busyboxImage, pushImage } from "../../../../image-store/src/build/index.ts";
import { parseReference } from "../../../../image-store/src/reference/index.ts";
import { startDockerRegistry } from "../../../../image-store/test/docker-registry.ts";

/** Images in a registry on loopback, which every containerd takes without TLS and without being told. */
export interface TestImages extends AsyncDisposable {
  readonly pause: string;
  readonly busybox: string;
  close(): Promise<void>;
}

export async function openTestImages(): Promise<TestImages> {
  const registry = await startDockerRegistry();
  const push = async (name: string, image: ReturnType<typeof busyboxImage>): Promise<string> => {
    const reference = `${registry.host}/${name}:1`;
    await pushImage(image, { registry: registry.url, reference: parseReference(reference) });
    return reference;
  };
  const close = (): Promise<void> => registry.close();
  try {
    const [pause, busybox] = await Promise.all([push("pause", pauseImage()), push("busybox", busyboxImage())]);
    return { pause, busybox, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}
