import { create } from "@bufbuild/protobuf";
import { CgroupDriver, RuntimeFeaturesSchema, RuntimeHandlerSchema } from "@keelson/cri-api/v1";
import type { NodeEngine } from "../ports/index.ts";

/** A node that is always ready and can do everything: it only records what it is asked for. */
export function createNode(options: { readonly handlers: readonly string[] }): NodeEngine {
  const ready = { status: true, reason: "", message: "" };
  let podCidr = "";
  return {
    async conditions() {
      return { runtime: ready, network: ready };
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
