import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const forwarding = "/proc/sys/net/ipv4/ip_forward";

export interface DemoNetwork {
  /** Where the CNI configuration lies. */
  readonly confDir: string;
  /** Takes back what the bridge plugin keeps by design: its bridge, and the host's ip_forward. */
  remove(): Promise<void>;
}

/** A CNI network of its own: a bridge and addresses that no other network of this machine uses. */
export async function demoNetwork(folder: string): Promise<DemoNetwork> {
  const random = randomBytes(3);
  const bridge = `kd${random.toString("hex")}`;
  const confDir = join(folder, "net.d");
  const before = await readFile(forwarding, "utf8");
  await mkdir(confDir);
  await writeFile(
    join(confDir, "10-demo.conflist"),
    JSON.stringify({
      cniVersion: "1.0.0",
      name: "demo",
      plugins: [
        {
          type: "bridge",
          bridge,
          isGateway: true,
          ipam: {
            type: "host-local",
            dataDir: join(folder, "leases"),
            ranges: [[{ subnet: `10.${200 + (random.readUInt8(0) % 50)}.${random.readUInt8(1)}.0/24` }]],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
      ],
    }),
  );
  return {
    confDir,
    async remove() {
      const links = await readFile("/proc/net/dev", "utf8");
      if (links.includes(`${bridge}:`)) await promisify(execFile)("busybox", ["ip", "link", "delete", bridge]);
      if ((await readFile(forwarding, "utf8")) !== before) await writeFile(forwarding, before);
    },
  };
}
