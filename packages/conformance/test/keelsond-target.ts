// keelsond as a process, with images in a registry of its own.
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type NodeOptions, startNode, type TestNode } from "../../../apps/runtime/test/harness/start-node.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { withIpv6 } from "./dual-stack.ts";
import { startGuardedRegistry } from "./guarded-registry.ts";
import { portmap, removeSharedChains } from "./host-ports.ts";
import { handlerVariable, makeMarkedRuntime } from "./marked-runtime.ts";
import { targetCapabilities } from "./target-capabilities.ts";
import { type Push, pinnedRepository, pushImages, pushOwnImages } from "./test-images.ts";

export async function openKeelsondTarget(
  start: (options: NodeOptions) => Promise<TestNode> = startNode,
): Promise<OpenTarget> {
  const marked = await makeMarkedRuntime("second");
  const node = await start({
    plugins: (bridge) => [withIpv6(bridge), portmap],
    config: (registry) =>
      `[images]\npinned = ["${registry}/${pinnedRepository}:*"]\n[runtimes.second]\npath = "${marked.path}"`,
  });
  const guarded = await startGuardedRegistry(node.registry.url);
  try {
    const hosts = join(node.folder, "certs.d", guarded.host);
    await mkdir(hosts);
    await writeFile(join(hosts, "hosts.toml"), `server = "http://${guarded.host}"\n`);
    const push: Push = (name, image) => node.push(name, image);
    const own = await pushOwnImages(push, guarded.host);
    const images = { ...(await pushImages(push, node.registry.host)), own };
    const network = join(node.folder, "net.d", "10-test.conflist");
    return {
      target: {
        endpoint: node.endpoint,
        images,
        has: targetCapabilities.keelsond,
        handlerVariable,
        async withoutNetwork(during) {
          await rename(network, `${network}.away`);
          await during().finally(() => rename(`${network}.away`, network));
        },
        async restart(signal, meanwhile) {
          await node.stop(signal);
          await (meanwhile?.() ?? Promise.resolve()).finally(async () => {
            await node.start();
          });
        },
      },
      async close() {
        await node.close();
        await marked.close();
        await guarded.close();
        await removeSharedChains();
      },
    };
  } catch (error) {
    await node.close();
    await marked.close();
    await guarded.close();
    throw error;
  }
}
