import type { CgroupDriver, RuntimeFeatures, RuntimeHandler } from "@keelson/cri-api/v1";
import type { Json } from "./json.ts";

/** What is true of the node as a whole. */
export interface NodeEngine {
  /** RuntimeReady and NetworkReady; a false one has a reason and a message that says what to do. */
  conditions(): Promise<{ readonly runtime: Condition; readonly network: Condition }>;
  /** The handlers that RunPodSandbox takes, the default one ("") among them, with what each can do. */
  handlers(): readonly RuntimeHandler[];
  features(): RuntimeFeatures;
  cgroupDriver(): CgroupDriver;
  /** The node's pod CIDR, "" when it has none (yet). */
  updatePodCidr(cidr: string): Promise<void>;
  /** What Status shows under `info` when it is asked for it: JSON by key. */
  inspect(): Promise<Readonly<Record<string, Json>>>;
}

export interface Condition {
  readonly status: boolean;
  /** One word in CamelCase; "" when the condition is true. */
  readonly reason: string;
  readonly message: string;
}
