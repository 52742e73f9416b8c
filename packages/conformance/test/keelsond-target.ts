// keelsond as a process, with images in a registry of its own.
import { type NodeOptions, startNode, type TestNode } from "../../../apps/runtime/test/harness/start-node.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { targetCapabilities } from "./target-capabilities.ts";
import { pushImages } from "./test-images.ts";

export async function openKeelsondTarget(
  start: (options: NodeOptions) => Promise<TestNode> = startNode,
): Promise<OpenTarget> {
  const node = await start({});
  try {
    const images = await pushImages((name, image) => node.push(name, image), node.registry.host);
    return {
      target: {
        endpoint: node.endpoint,
        images,
        has: targetCapabilities.keelsond,
        async restart(signal, meanwhile) {
          await node.stop(signal);
          await (meanwhile?.() ?? Promise.resolve()).finally(async () => {
            await node.start();
          });
        },
      },
      close: () => node.close(),
    };
  } catch (error) {
    await node.close();
    throw error;
  }
}
