/** What happens to a log that is followed, beside its lines. */
export type LogEvent =
  /** A line that is not in the CRI format, left out. */
  | {
      readonly type: "malformed";
      readonly path: string;
      /** Where the line begins in its file, in bytes. */
      readonly offset: number;
      readonly lengthBytes: number;
      /** Its first bytes, at most 256. */
      readonly sample: Uint8Array;
      /** How many there have been, this one included. */
      readonly count: number;
    }
  /** The file was renamed or replaced; it has been read to its end, and reading goes on in the next one. */
  | { readonly type: "rotated"; readonly path: string }
  /** The file became shorter ("copytruncate"); it is read again from its start. */
  | { readonly type: "truncated"; readonly path: string }
  /**
   * Lines may be missing: a rotated file could not be opened any more, or the file that was read had been removed or
   * compressed already when the next one was seen, and so may have been others between them.
   */
  | { readonly type: "missed"; readonly path: string }
  /** The folder can't be watched: changes are seen by polling alone. */
  | { readonly type: "unwatched"; readonly path: string; readonly cause: unknown };
