/**
 * One operation of the engine, as it runs. It outlives the caller that began it: `signal` fires when nobody wants the
 * result any more or the runtime closes, not when one caller goes.
 */
export interface Task {
  readonly signal: AbortSignal;
  /**
   * Says what the operation waits for now, as the end of the sentence "deadline reached while …", for instance
   * `waiting for CNI ADD of network "pods"`. Shown to the operator when a deadline is reached.
   */
  stage(text: string): void;
}
