import { startNode } from "../../../apps/runtime/test/harness/start-node.ts";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { conformanceSuite, type OpenTarget } from "./conformance-suite.ts";
import { pushImages } from "./test-images.ts";

async function open(): Promise<OpenTarget> {
  const node = await startNode();
  try {
    const images = await pushImages((name, image) => node.push(name, image), node.registry.host);
    return {
      target: {
        endpoint: node.endpoint,
        images,
        has: ["inside", "pod-network", "restart"],
        async restart(signal, meanwhile) {
          await node.stop(signal);
          await meanwhile?.();
          await node.start();
        },
      },
      close: () => node.close(),
    };
  } catch (error) {
    await node.close();
    throw error;
  }
}

conformanceSuite("keelsond", open, { skip: linuxGate.skip });
