// What lets ports of the node lead to pods, in the CNI configuration of a target.
import { execFile } from "node:child_process";

/** A plugin behind the bridge. */
export const portmap = { type: "portmap", capabilities: { portMappings: true } } as const;

/**
 * Takes back the chains that portmap shares between all pods and leaves behind, unless somebody else's ports are in them:
 * then nothing changes, for a chain that is not empty can't be deleted.
 */
export async function removeSharedChains(): Promise<void> {
  const lines = [
    "*nat",
    "-D PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "-D OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    '-D POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ',
    "-F CNI-HOSTPORT-MASQ",
    "-F CNI-HOSTPORT-SETMARK",
    "-X CNI-HOSTPORT-DNAT",
    "-X CNI-HOSTPORT-MASQ",
    "-X CNI-HOSTPORT-SETMARK",
    "COMMIT",
  ];
  await new Promise<void>((resolve) => {
    const child = execFile("/usr/sbin/iptables-restore", ["--noflush", "--wait"], () => resolve());
    child.stdin?.end(`${lines.join("\n")}\n`);
  });
}
