import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { PeerNode } from "./peer-node.ts";
import type { Suite } from "./peers.ts";

export interface PodNetwork {
  /** Removes the bridge: when the pods are gone. */
  close(): Promise<void>;
}

/** A bridge and addresses for the pods of a suite that is started afterwards; without it they have the host's network alone. */
export async function writePodNetwork(node: PeerNode, suite: Suite): Promise<PodNetwork> {
  const bridge = `kc${randomBytes(3).toString("hex")}`;
  const subnet = `10.${100 + (randomBytes(1).readUInt8() % 100)}.${randomBytes(1).readUInt8()}.0/24`;
  const ipam = {
    type: "host-local",
    dataDir: node.path("leases"),
    ranges: [[{ subnet }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugins = [{ type: "bridge", bridge, isGateway: true, ipam }];
  const folder = join(node.path(suite), "net.d");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "10-test.conflist"), JSON.stringify({ cniVersion: "0.4.0", name: "test", plugins }));
  return {
    async close() {
      const links = await readFile("/proc/net/dev", "utf8");
      if (links.includes(`${bridge}:`)) await promisify(execFile)("busybox", ["ip", "link", "delete", bridge]);
    },
  };
}
