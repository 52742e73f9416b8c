import type { Capability } from "../src/case.ts";

/** What the targets of this folder have. docs/reference/conformance.md is made of it. */
export const targetCapabilities = {
  simulated: ["pod-network", "dual-stack", "host-ports", "network-outage", "own-images", "restart"],
  keelsond: ["inside", "pod-network", "dual-stack", "host-ports", "network-outage", "own-images", "restart"],
  containerd: ["inside", "pod-network", "dual-stack", "host-ports", "network-outage", "own-images", "restart"],
} as const satisfies Record<string, readonly Capability[]>;
