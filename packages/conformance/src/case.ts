import type { Stage } from "./stage/stage.ts";

/** What a target may have or not; a case that needs what is not there is skipped, by name. */
export type Capability =
  /** Containers are real Linux processes: what a case wants to know is asked inside. */
  | "inside"
  /** Pods can have a network of their own. */
  | "pod-network"
  /** Ports of the node can lead to pods: the network has what it takes. */
  | "host-ports"
  /** Pods get addresses of IPv4 and of IPv6. */
  | "dual-stack"
  /** The node's network configuration can be taken away. */
  | "network-outage"
  /** There is a registry with images of the suite's own, some of which want credentials. */
  | "own-images"
  /** The runtime can be ended and started again. */
  | "restart";

/** A field of runtime.v1 by its message: `StopContainerRequest.timeout`. */
export type Field = `${string}.${string}`;

/** One promise of the Container Runtime Interface, and how it is seen to be kept. */
export interface Case {
  /** A sentence: the RPC or thing, and what holds for it. Unique in its area. */
  readonly name: string;
  /** Where the promise is written: a comment of the proto, a KEP, the OCI specification, or what containerd does. */
  readonly cites: string;
  /** The fields whose loss would make the case fail. */
  readonly covers: readonly Field[];
  /** Default: nothing. */
  readonly needs?: readonly Capability[];
  /** Cases of critest whose promise is in this one, by their full names. */
  readonly critest?: readonly string[];
  /**
   * What must not happen meanwhile: `node`: any other case, for it restarts the runtime or counts all that there is;
   * `images`: another case that says so, for it removes images. Default: nothing, so that cases run side by side.
   */
  readonly alone?: "node" | "images";
  /** How long the body may take, in milliseconds. Default 30,000. */
  readonly timeoutMs?: number;
  readonly run: (stage: Stage) => Promise<void>;
}

/** Writes down a case. The body gets everything from the {@link Stage}, and never sleeps. */
export function defineCase(one: Case): Case {
  return one;
}
