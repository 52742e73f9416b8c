// What the load's process is asked, and what it answers.

export interface LoadTask {
  /** `/runtime.v1.RuntimeService/Version` */
  readonly path: string;
  /** The encoded request. */
  readonly request: Uint8Array;
  readonly inFlight: number;
  readonly durationMs: number;
}

export interface LoadSlice {
  /** From the first call to the end of the last. */
  readonly seconds: number;
  /** Of each call, from its first byte to its status. */
  readonly latenciesMs: readonly number[];
  /** User and system time of the load's process for all calls. */
  readonly clientCpuMicros: number;
  /** The size of an answer. */
  readonly answerBytes: number;
}

/** The first message, without a slice, says that the process is there. */
export type LoadMessage = { readonly slice: LoadSlice | undefined } | { readonly failure: string };
