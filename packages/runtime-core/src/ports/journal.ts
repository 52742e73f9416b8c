import type { Json } from "./json.ts";
import type { StepRecord } from "./records.ts";

/**
 * An object's record, as an engine writes its steps into it. A resolved promise means *committed*: a killed process
 * loses nothing. Only `flush` means durable against the loss of power.
 */
export interface Journal {
  /** What is recorded now, in the order of planning. */
  readonly steps: readonly StepRecord[];
  /** Commits that the step is about to be made. */
  plan(name: string, plan: Json): Promise<void>;
  /** Commits what the step made. */
  facts(name: string, facts: Json): Promise<void>;
  /** Commits that the step has been undone. */
  forget(name: string): Promise<void>;
  /** Waits until everything committed before is durable. */
  flush(): Promise<void>;
}
