import { create } from "@bufbuild/protobuf";
import { CgroupDriver, RuntimeFeaturesSchema, RuntimeHandlerSchema } from "@keelson/cri-api/v1";
import type { NodeEngine } from "../ports/index.ts";

export interface NodeOptions {
  readonly handlers: readonly string[];
  /** Why it has no network for pods; undefined: it has one. */
  readonly networkOutage: string | undefined;
}

/** A node that can do everything: it only records what it is asked for. It is ready, but for its network perhaps. */
export function createNode(options: NodeOptions): NodeEngine {
  const ready = { status: true, reason: "", message: "" };
  const { networkOutage: message } = options;
  const network = message === undefined ? ready : { status: false, reason: "NetworkPluginNotReady", message };
  let podCidr = "";
  return {
    async conditions() {
      return { runtime: ready, network };
    },
    handlers: () =>
      ["", ...options.handlers].map((name) =>
        create(RuntimeHandlerSchema, { name, features: { recursiveReadOnlyMounts: true, userNamespaces: true } }),
      ),
    features: () =>
      create(RuntimeFeaturesSchema, {
        supplementalGroupsPolicy: true,
        userNamespacesHostNetwork: true,
        mountOptions: true,
      }),
    cgroupDriver: () => CgroupDriver.SYSTEMD,
    async updatePodCidr(cidr) {
      podCidr = cidr;
    },
    async inspect() {
      return { config: { simulated: true, podCidr } };
    },
  };
}
