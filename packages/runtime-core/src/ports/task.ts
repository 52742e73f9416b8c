/** How an operation tells what it does. */
export interface Progress {
  /**
   * Says what the operation waits for now, as the end of the sentence "deadline reached while …". Shown to the operator
   * when a deadline is reached, with the time that it has lasted.
   * @param what constant words of the code, such as `waiting for CNI ADD`: times are counted by them, so never a name
   *   or an ID
   * @param of what it is about, such as `of network "pods"`; a function is called when somebody asks. Told anew with the
   *   same `what`, the stage goes on.
   */
  stage(what: string, of?: string | (() => string)): void;
}

/**
 * One operation of the engine, as it runs. It outlives the caller that began it: `signal` fires when nobody wants the
 * result any more or the runtime closes, not when one caller goes.
 */
export interface Task extends Progress {
  readonly signal: AbortSignal;
}
