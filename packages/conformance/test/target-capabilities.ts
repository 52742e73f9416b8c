import type { Capability } from "../src/case.ts";

/** What the targets of this folder have. docs/reference/conformance.md is made of it. */
export const targetCapabilities = {
  simulated: ["pod-network", "restart"],
  keelsond: ["inside", "pod-network", "restart"],
  containerd: ["inside", "pod-network", "restart"],
} as const satisfies Record<string, readonly Capability[]>;
