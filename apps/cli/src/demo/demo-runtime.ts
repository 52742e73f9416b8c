import type { Story } from "./story.ts";

/** Where a demo's runtime lives and by whom it is told. */
export interface DemoStage {
  /** An empty folder of its own; all that the runtime keeps is below it. */
  readonly folder: string;
  readonly story: Story;
  /** Ends the start. */
  readonly signal: AbortSignal;
}

/** A runtime that the demo started, with an image that it can pull and the two programs of its story. */
export interface DemoRuntime {
  readonly endpoint: string;
  readonly image: string;
  /** What a pull has done, beside having taken its time. */
  readonly pulled: string;
  readonly programs: Readonly<Record<"web" | "visitor", DemoProgram>>;
  /** The last lines of its log: what a failure leaves to read. */
  lastWords(): readonly string[];
  /** Stops everything that was started. Idempotent. */
  close(): Promise<void>;
}

export interface DemoProgram {
  /** What it does, in a few words. */
  readonly does: string;
  readonly command: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}
