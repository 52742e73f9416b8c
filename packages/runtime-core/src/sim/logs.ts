/** Where the simulated engine writes the log lines of its containers. */
export interface LogSink {
  /** @throws when no log can be written there */
  open(file: LogFile): Promise<ContainerLog>;
}

export interface LogFile {
  /** The pod's log folder, which its owner has made; "" when the pod has none. */
  readonly directory: string;
  /** The absolute path of the log file, below `directory`. */
  readonly path: string;
}

export interface ContainerLog {
  /** Appends one line in the CRI log format, with its line feed. */
  write(line: string): void;
  /** Goes on in a new file of the same path, after somebody has moved the old one away. */
  reopen(): Promise<void>;
  /** Idempotent. */
  close(): void;
}

/** Log files in memory, by path. */
export interface MemoryLogs extends LogSink {
  /** What was written to `path` so far; "" when nothing was. */
  read(path: string): string;
}

export function createMemoryLogs(): MemoryLogs {
  const files = new Map<string, string>();
  return {
    async open({ path }) {
      let closed = false;
      return {
        write(line) {
          if (closed) throw new Error(`write log ${path}: it is closed`);
          files.set(path, (files.get(path) ?? "") + line);
        },
        async reopen() {
          files.set(path, "");
        },
        close() {
          closed = true;
        },
      };
    },
    read: (path) => files.get(path) ?? "",
  };
}
