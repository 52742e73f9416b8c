// What bench/results/client.json holds.
import type { Circumstances } from "../machine.ts";
import type { ContenderName } from "./contender.ts";
import type { ProfileSummary } from "./cpu-profile.ts";
import type { ListSample, LoadSample, MemorySample } from "./worker-protocol.ts";

export interface LoadRow {
  readonly inFlight: number;
  readonly contender: ContenderName;
  /** One of each slice. */
  readonly samples: readonly LoadSample[];
}

export interface MemoryRow {
  readonly contender: ContenderName;
  /** After how many calls each sample was taken. */
  readonly samples: readonly (MemorySample & { readonly calls: number })[];
}

export interface ListRow {
  readonly contender: ContenderName;
  /** The first is the first of its process. */
  readonly samples: readonly ListSample[];
}

export interface ProfileRow {
  readonly contender: ContenderName;
  readonly inFlight: number;
  readonly calls: number;
  readonly summary: ProfileSummary;
}

export interface ClientResult extends Circumstances {
  /** How often each client had its turn at each number of calls in flight. */
  readonly slices: number;
  readonly sliceMs: number;
  readonly load: readonly LoadRow[];
  readonly memory: readonly MemoryRow[];
  /** The size of the answer with 10,000 containers. */
  readonly listBytes: number;
  readonly lists: readonly ListRow[];
  readonly profiles: readonly ProfileRow[];
}
