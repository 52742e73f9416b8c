import type { Side } from "./side.ts";
import type { ComparedField, Told } from "./told.ts";

/** Plays something at a runtime and asks what became of it. Scenarios share the runtimes; none counts on another. */
export interface Scenario {
  readonly name: string;
  /** What is compared, and nothing else. */
  readonly tells: readonly ComparedField[];
  /** @returns asks what the runtime tells of it */
  readonly play: (at: Side) => Promise<() => Promise<Told>>;
  /** Where the answers are not equal on purpose. That they are equal fails, too. */
  readonly exception?: Exception;
  /** True: containerd needs every cgroup controller mounted for it. */
  readonly needsControllers?: boolean;
}

export interface Exception {
  readonly fields: readonly ComparedField[];
  readonly why: string;
}
