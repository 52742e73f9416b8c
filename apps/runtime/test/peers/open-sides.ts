// keelsond and Debian's containerd 1.6, each on a node of its own, with one registry and one folder of host paths.
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CleanupStack } from "@keelson/lifecycle";
import { openPeerNode } from "../../../../packages/cri-client/test/peers/harness/peer-node.ts";
import { type PodNetwork, writePodNetwork } from "../../../../packages/cri-client/test/peers/harness/pod-network.ts";
import { startNode, type TestNode } from "../harness/start-node.ts";
import { pushImages } from "./images.ts";
import { type Runtime, type Shared, Side } from "./side.ts";

const run = promisify(execFile);

export interface Sides {
  readonly ours: Side;
  readonly theirs: Side;
  close(): Promise<void>;
}

export async function openSides(): Promise<Sides> {
  const cleanup = new CleanupStack();
  try {
    const host = await mkdtemp(join(tmpdir(), "keelson-beside-"));
    cleanup.defer("paths of the host", () => rm(host, { recursive: true }));
    await makeHostPaths(host);
    cleanup.defer("shared mount", () => run("umount", ["--lazy", join(host, "shared")]));
    const node = await startNode();
    cleanup.defer("keelsond", () => node.close());
    const images = await pushImages((name, image) => node.push(name, image));
    const [ours, theirs] = [await keelsond(node, cleanup), await containerd(cleanup)];
    const shared: Shared = { images, host };
    for (const { cri } of [ours, theirs]) await cri.images.pullImage({ image: { image: images.busybox } });
    return { ours: new Side(ours, shared), theirs: new Side(theirs, shared), close: () => cleanup.close() };
  } catch (error) {
    await cleanup.close();
    throw error;
  }
}

async function makeHostPaths(host: string): Promise<void> {
  for (const name of ["data", "shared", "private"]) await mkdir(join(host, name));
  await writeFile(join(host, "file"), "a file\n");
  await symlink("data", join(host, "link"));
  await run("mount", ["-t", "tmpfs", "none", join(host, "shared")]);
  await run("mount", ["--make-shared", join(host, "shared")]);
}

async function keelsond(node: TestNode, cleanup: CleanupStack): Promise<Runtime> {
  const cri = await node.connect();
  cleanup.defer("connection to keelsond", () => cri.close());
  const folder = join(node.folder, "logs");
  await mkdir(folder);
  return {
    cri,
    folder,
    async restart(meanwhile) {
      await node.stop();
      await meanwhile();
      await node.start();
    },
  };
}

async function containerd(cleanup: CleanupStack): Promise<Runtime> {
  const node = await openPeerNode();
  let network: PodNetwork | undefined;
  cleanup.defer("bridge", async () => network?.close());
  cleanup.defer("containerd", () => node.close());
  network = await writePodNetwork(node, "bookworm");
  await node.start("bookworm");
  // what it ignores is a part of the comparison
  const cri = await node.connect({ onUnsupportedField: "send" });
  cleanup.defer("connection to containerd", () => cri.close());
  const folder = node.path("logs");
  await mkdir(folder);
  return {
    cri,
    folder,
    async restart(meanwhile) {
      await node.stop();
      await meanwhile();
      await node.start("bookworm");
    },
  };
}
