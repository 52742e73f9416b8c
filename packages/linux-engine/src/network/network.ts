import type { PodSandboxConfig } from "@keelson/cri-api/v1";
import type { Condition, Json, Progress, Task } from "@keelson/runtime-core/ports";

/**
 * What gives a pod's network namespace its interface and addresses: CNI plugins, or something built in.
 *
 * Life: `plan` says what will be attached, and the plan is recorded; `attach` makes it; `detach` gives it back, from the
 * record alone, whatever the node's configuration has become since.
 */
export interface Network {
  /**
   * Looks at what a pod asks of the network and changes nothing.
   * @throws INVALID_ARGUMENT for port mappings, bandwidth or names that mean nothing
   */
  admit(config: PodSandboxConfig): void;
  /**
   * Fixes everything that `attach` and a later `detach` need.
   * @throws FAILED_PRECONDITION while no network is configured, with what to do about it
   */
  plan(request: NetworkRequest): NetworkPlan;
  /** @throws when it failed or was cancelled; something may have been made, so that `detach` has to follow */
  attach(plan: NetworkPlan, task: Task): Promise<NetworkFacts>;
  /**
   * Gives addresses and everything else back. Idempotent. `facts` undefined: attached perhaps, in part, or not at all.
   * The namespace may be gone (a reboot).
   */
  detach(plan: NetworkPlan, facts: NetworkFacts | undefined, progress?: Progress): Promise<void>;
  /** Asks whether an attachment still works. @throws when it does not; resolves when the network can't tell */
  check(plan: NetworkPlan, facts: NetworkFacts): Promise<void>;
  /** NetworkReady. */
  status(): Promise<Condition>;
  /** Told by UpdateRuntimeConfig; "" when the node has none. */
  updatePodCidr(cidr: string): Promise<void>;
  /** Detaches what is attached by our own notes to sandboxes that no record names. @returns what it could not detach */
  removeUnrecorded(recorded: ReadonlySet<string>): Promise<readonly string[]>;
  /** For the verbose PodSandboxStatus: what was attached. */
  inspectAttachment(plan: NetworkPlan, facts: NetworkFacts): Json;
  /** For the verbose Status: how the network is configured. */
  inspect(): Json;
}

export interface NetworkRequest {
  readonly sandboxId: string;
  /** Path of the pod's pinned network namespace. */
  readonly netnsPath: string;
  readonly config: PodSandboxConfig;
}

/** Recorded before `attach`. */
export type NetworkPlan = {
  readonly sandboxId: string;
  readonly netnsPath: string;
  /** The interface inside the pod. */
  readonly interfaceName: string;
  /** The network's name. */
  readonly network: string;
  /** What the pod asks for and the network does not have: shown, not refused (another agent may provide it). */
  readonly reported: readonly { readonly field: string; readonly value: string; readonly why: string }[];
  /** Read only by the network that planned it. */
  readonly own: Json;
};

/** Recorded after `attach`. */
export type NetworkFacts = {
  /** The pod's addresses, the primary one first. */
  readonly ips: readonly string[];
  readonly interfaces: readonly NetworkInterface[];
  /** The network's whole answer as JSON text. */
  readonly resultJson: string;
};

export type NetworkInterface = {
  readonly name: string;
  /** "" when it has none. */
  readonly mac: string;
  /** The namespace that it is in; "" for an interface of the host. */
  readonly sandbox: string;
};
