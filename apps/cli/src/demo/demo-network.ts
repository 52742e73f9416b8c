import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

export interface DemoNetwork {
  /** Where the CNI configuration lies. */
  readonly confDir: string;
  /** Takes back what the bridge plugin keeps by design: its bridge. */
  remove(): Promise<void>;
}

/**
 * A CNI network of its own: a bridge that no other network of this machine uses. It has no gateway, so that the plugin
 * changes no setting of the host.
 */
export async function demoNetwork(folder: string): Promise<DemoNetwork> {
  const random = randomBytes(3);
  const bridge = `kd${random.toString("hex")}`;
  const confDir = join(folder, "net.d");
  const subnet = `10.${200 + (random.readUInt8(0) % 50)}.${random.readUInt8(1)}.0/24`;
  const ipam = { type: "host-local", dataDir: join(folder, "leases"), ranges: [[{ subnet }]] };
  await mkdir(confDir);
  await writeFile(
    join(confDir, "10-demo.conflist"),
    JSON.stringify({ cniVersion: "1.0.0", name: "demo", plugins: [{ type: "bridge", bridge, ipam }] }),
  );
  return {
    confDir,
    async remove() {
      // not /sys: that shows the network namespace in which it was mounted
      const links = await readFile("/proc/net/dev", "utf8");
      if (!links.includes(`${bridge}:`)) return;
      await promisify(execFile)("busybox", ["ip", "link", "delete", bridge], { timeout: 10_000 });
    },
  };
}
