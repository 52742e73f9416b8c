// Debian's containerd with images in a registry of its own.

import { openPeerNode } from "../../cri-client/test/peers/harness/peer-node.ts";
import type { Suite } from "../../cri-client/test/peers/harness/peers.ts";
import { pushImage } from "../../image-store/src/build/index.ts";
import { parseReference } from "../../image-store/src/reference/index.ts";
import { startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { pushImages } from "./test-images.ts";

export async function openContainerdTarget(suite: Suite): Promise<OpenTarget> {
  const registry = await startDockerRegistry();
  const node = await openPeerNode().catch(async (error: unknown) => {
    await registry.close();
    throw error;
  });
  const close = async (): Promise<void> => {
    await node.close().finally(() => registry.close());
  };
  try {
    await node.start(suite);
    const images = await pushImages(async (name, image) => {
      const reference = `${registry.host}/${name}`;
      await pushImage(image, { registry: registry.url, reference: parseReference(reference) });
      return reference;
    }, registry.host);
    return {
      target: {
        endpoint: node.endpoint,
        images,
        has: ["inside", "restart"],
        cgroupParent: node.cgroupParent,
        async restart(signal, meanwhile) {
          await node.stop(signal);
          await (meanwhile?.() ?? Promise.resolve()).finally(async () => {
            await node.start(suite);
          });
        },
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
