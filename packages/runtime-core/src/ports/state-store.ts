/** Where records live. Keys are short ASCII (`sandbox/ID`), values are bytes that only the core reads. */
export interface StateStore {
  /** Everything that is stored. Called once, at the start. */
  load(): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Resolved when it is committed: a killed process does not lose it. Writes of one key take effect in call order. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** As `put`; succeeds when there is no such key. */
  delete(key: string): Promise<void>;
  /** Resolved when everything committed before is durable against the loss of power. */
  flush(): Promise<void>;
  close(): Promise<void>;
}
