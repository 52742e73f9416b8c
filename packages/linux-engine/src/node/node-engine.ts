import { create } from "@bufbuild/protobuf";
import { CgroupDriver, RuntimeFeaturesSchema, RuntimeHandlerSchema } from "@keelson/cri-api/v1";
import type { Json, NodeEngine } from "@keelson/runtime-core/ports";
import type { CgroupLayout } from "../host/cgroup-layout.ts";
import type { Network } from "../network/network.ts";
import type { ProbedRuntime } from "../oci/probe.ts";
import type { HostFacts } from "../spec/index.ts";

export interface NodeEngineOptions {
  readonly network: Network;
  /** What was found of the OCI runtime of each handler that works here; "" is the default one. */
  readonly runtimes: ReadonlyMap<string, ProbedRuntime>;
  /** Why handlers that are configured are not served, a sentence each. */
  readonly refusedHandlers: readonly string[];
  readonly facts: HostFacts;
  readonly layout: CgroupLayout;
  readonly folders: { readonly root: string; readonly state: string };
}

/** What is true of this node. Without an OCI runtime that works there is no engine, so a node that answers is ready. */
export function createNodeEngine(options: NodeEngineOptions): NodeEngine {
  const { network, runtimes, facts } = options;
  return {
    async conditions() {
      const ready = { status: true, reason: "", message: "" };
      return { runtime: ready, network: await network.status() };
    },
    handlers: () =>
      [...runtimes].map(([name, { recursiveReadOnlyMounts }]) =>
        create(RuntimeHandlerSchema, { name, features: { recursiveReadOnlyMounts, userNamespaces: false } }),
      ),
    features: () =>
      create(RuntimeFeaturesSchema, {
        supplementalGroupsPolicy: true,
        userNamespacesHostNetwork: false,
        mountOptions: false,
      }),
    cgroupDriver: () => (facts.cgroupDriver === "systemd" ? CgroupDriver.SYSTEMD : CgroupDriver.CGROUPFS),
    updatePodCidr: (cidr) => network.updatePodCidr(cidr),
    async inspect() {
      return { config: describeNode(options), cni: network.inspect() };
    },
  };
}

function describeNode({ runtimes, refusedHandlers, facts, layout, folders }: NodeEngineOptions): Json {
  const handlers = Object.fromEntries([...runtimes].map(([name, { path, version }]) => [name, { path, version }]));
  return {
    root: folders.root,
    state: folders.state,
    handlers,
    refusedHandlers,
    cgroupVersion: layout.version,
    cgroupControllers: layout.controllers,
    cgroupDriver: facts.cgroupDriver,
    kernel: facts.kernel.join("."),
    apparmor: facts.apparmor !== undefined,
    selinux: facts.selinux,
    seccomp: facts.seccomp,
  };
}
