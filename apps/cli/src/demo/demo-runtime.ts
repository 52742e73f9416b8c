/** A runtime that the demo started, with an image that it can pull and the two programs of its story. */
export interface DemoRuntime {
  readonly endpoint: string;
  readonly image: string;
  readonly programs: Readonly<Record<"web" | "visitor", DemoProgram>>;
  /** Stops everything that was started. Idempotent. */
  close(): Promise<void>;
}

export interface DemoProgram {
  readonly command: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
}
