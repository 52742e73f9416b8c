import { existsSync } from "node:fs";
import { isIPv6 } from "node:net";
import { type AnyStep, type SandboxRecord, step } from "@keelson/runtime-core/ports";
import type { NetworkFacts, NetworkPlan } from "../../network/network.ts";
import { hostNamespaces } from "../../spec/namespaces.ts";
import { sandboxPaths } from "../sandbox-paths.ts";
import type { SandboxTools } from "../sandbox-tools.ts";

export const attachNetworkName = "attach-network";

/** The pod's interface and addresses. Leases outlive our record, so the plan is durable before anything is asked for. */
export const attachNetwork: AnyStep<SandboxRecord, SandboxTools> = step<
  SandboxRecord,
  SandboxTools,
  NetworkPlan,
  NetworkFacts
>({
  name: attachNetworkName,
  heldUntil: "stop",
  durable: true,
  plan: ({ id, config }, { folders, network }) =>
    hostNamespaces(config).network
      ? undefined
      : network.plan({ sandboxId: id, netnsPath: sandboxPaths(folders, id).netns, config }),
  apply: async (plan, { network, namespaces }, task) => {
    const facts = await network.attach(plan, task);
    const links = await namespaces.readProcNet(plan.netnsPath, "dev");
    // a plugin may give an address without a link of this name
    const linked = links.split("\n").some((line) => line.trimStart().startsWith(`${plan.interfaceName}:`));
    if (linked && !facts.ips.some(isIPv6) && existsSync("/proc/sys/net/ipv6")) {
      // An address that nobody gave (link-local, or by a neighbour's advertisement) passes by all IPv4 rules.
      const key = `net/ipv6/conf/${plan.interfaceName}/disable_ipv6`;
      await namespaces.configure({ net: plan.netnsPath }, { sysctls: { [key]: "1" } });
    }
    return facts;
  },
  revert: (plan, facts, { network }, progress) => network.detach(plan, facts, progress),
});
