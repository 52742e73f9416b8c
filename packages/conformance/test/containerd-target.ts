// Debian's containerd with images in a registry of its own.
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { openPeerNode } from "../../cri-client/test/peers/harness/peer-node.ts";
import type { Suite } from "../../cri-client/test/peers/harness/peers.ts";
import { pushImage } from "../../image-store/src/build/index.ts";
import { parseReference } from "../../image-store/src/reference/index.ts";
import { startDockerRegistry } from "../../image-store/test/docker-registry.ts";
import type { OpenTarget } from "./conformance-suite.ts";
import { withIpv6 } from "./dual-stack.ts";
import { startGuardedRegistry } from "./guarded-registry.ts";
import { portmap, removeSharedChains } from "./host-ports.ts";
import { targetCapabilities } from "./target-capabilities.ts";
import { type Push, pushImages, pushOwnImages } from "./test-images.ts";

const run = promisify(execFile);

export async function openContainerdTarget(suite: Suite): Promise<OpenTarget> {
  const registry = await startDockerRegistry();
  const guarded = await startGuardedRegistry(registry.url);
  // cases kill it in the middle of what it does; what it forgets then is a matter of its own
  const onTraces = (left: readonly string[]): void => console.info(`containerd of ${suite} left ${left.join(", ")}`);
  const node = await openPeerNode({ onTraces }).catch(async (error: unknown) => {
    await guarded.close();
    await registry.close();
    throw error;
  });
  const network = { bridge: `kc${randomBytes(3).toString("hex")}`, leases: node.path("leases") };
  const close = async (): Promise<void> => {
    try {
      await node.close();
    } finally {
      await guarded.close();
      await registry.close();
      const links = await readFile("/proc/net/dev", "utf8");
      if (links.includes(`${network.bridge}:`)) await run("busybox", ["ip", "link", "delete", network.bridge]);
      await removeSharedChains();
    }
  };
  try {
    await writeNetwork(join(node.path(suite), "net.d"), network);
    await node.start(suite);
    const push: Push = async (name, image) => {
      const reference = `${registry.host}/${name}`;
      await pushImage(image, { registry: registry.url, reference: parseReference(reference) });
      return reference;
    };
    // the image of its sandboxes is the one that it keeps
    const own = { ...(await pushOwnImages(push, guarded.host)), pinned: node.images.pause };
    const images = { ...(await pushImages(push, registry.host)), own };
    const file = join(node.path(suite), "net.d", "10-test.conflist");
    return {
      target: {
        endpoint: node.endpoint,
        images,
        has: targetCapabilities.containerd,
        cgroupParent: node.cgroupParent,
        async withoutNetwork(during) {
          await rename(file, `${file}.away`);
          await during().finally(() => rename(`${file}.away`, file));
        },
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

/** A bridge of its own; containerd takes what lies in the folder. */
async function writeNetwork(folder: string, { bridge, leases }: { bridge: string; leases: string }): Promise<void> {
  const subnet = `10.${100 + (randomBytes(1).readUInt8() % 100)}.${randomBytes(1).readUInt8()}.0/24`;
  const ipam = { type: "host-local", dataDir: leases, ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] };
  const plugins = [withIpv6({ type: "bridge", bridge, isGateway: true, ipam }), portmap];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "10-test.conflist"), JSON.stringify({ cniVersion: "0.4.0", name: "test", plugins }));
}
