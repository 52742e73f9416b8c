import { type LinuxPodSandboxConfig, NamespaceMode } from "@keelson/cri-api/v1";
import type { AnyStep, SandboxRecord } from "../ports/index.ts";
import { type StepTools, simulatedStep } from "./simulated-step.ts";
import type { Life } from "./world.ts";

export interface SandboxTools extends StepTools {
  readonly life: Life;
  /** Pods get an address of IPv6, too. */
  readonly dualStack: boolean;
}

const pinNamespaces = simulatedStep<SandboxRecord, SandboxTools>({
  name: "pin-namespaces",
  heldUntil: "stop",
  plan: ({ id }) => ({ owner: id }),
  apply({ owner }, { life }) {
    life.hold("namespaces", owner, "net,ipc,uts");
    return {};
  },
  revert({ owner }, { life }) {
    life.release("namespaces", owner);
  },
});

const writeFiles = simulatedStep<SandboxRecord, SandboxTools>({
  name: "write-files",
  heldUntil: "remove",
  plan: ({ id }) => ({ owner: id }),
  apply({ owner }, { life }) {
    life.hold("files", owner, "hostname,hosts,resolv.conf");
    return {};
  },
  revert({ owner }, { life }) {
    life.release("files", owner);
  },
});

const mountShm = simulatedStep<SandboxRecord, SandboxTools>({
  name: "mount-shm",
  heldUntil: "stop",
  plan: ({ id }) => ({ owner: id }),
  apply({ owner }, { life }) {
    life.hold("shm", owner, "64M");
    return {};
  },
  revert({ owner }, { life }) {
    life.release("shm", owner);
  },
});

/** Durable, as CNI ADD: the lease stays on the machine's disk. */
const attachNetwork = simulatedStep<SandboxRecord, SandboxTools>({
  name: "attach-network",
  heldUntil: "stop",
  durable: true,
  plan: ({ id, config }) => (isHostNetwork(config.linux) ? undefined : { owner: id }),
  apply({ owner }, { life, dualStack }) {
    const address = life.freeAddress();
    life.hold("address", owner, address);
    return { ips: dualStack ? [address, `fd00:88::${address.split(".").slice(2).join(":")}`] : [address] };
  },
  revert({ owner }, { life }) {
    life.release("address", owner);
  },
});

const makeCgroup = simulatedStep<SandboxRecord, SandboxTools>({
  name: "make-cgroup",
  heldUntil: "stop",
  plan: ({ id, config }) => ({ owner: id, parent: config.linux?.cgroupParent ?? "" }),
  apply({ owner, parent }, { life }) {
    life.hold("cgroup", owner, `${String(parent)}/${owner}`);
    return {};
  },
  revert({ owner }, { life }) {
    life.release("cgroup", owner);
  },
});

/** What a sandbox is made of, in the order of making; the names are the Linux engine's. */
export const sandboxSteps: readonly AnyStep<SandboxRecord, SandboxTools>[] = [
  writeFiles,
  makeCgroup,
  pinNamespaces,
  mountShm,
  attachNetwork,
];

export function isHostNetwork(linux: LinuxPodSandboxConfig | undefined): boolean {
  return linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE;
}
