// `npm test` takes Debian bookworm's containerd 1.6, KEELSON_PEERS=all those of all generations that speak CRI v1.

import { openPeerNode } from "../../cri-client/test/peers/harness/peer-node.ts";
import { peers, type Suite, served, suites } from "../../cri-client/test/peers/harness/peers.ts";
import { pushImage } from "../../image-store/src/build/index.ts";
import { parseReference } from "../../image-store/src/reference/index.ts";
import { startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import { conformanceSuite, type OpenTarget } from "./conformance-suite.ts";
import { pushImages } from "./test-images.ts";

async function open(suite: Suite): Promise<OpenTarget> {
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
          await meanwhile?.();
          await node.start(suite);
        },
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

for (const suite of suites.filter((one) => served[one].includes("v1"))) {
  conformanceSuite(`containerd of Debian ${suite}`, () => open(suite), { skip: !peers.has(suite) });
}
