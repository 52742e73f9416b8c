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
  /** Moves a file, as who rotates logs does; who writes into it goes on there until it reopens. */
  rename(from: string, to: string): void;
}

export function createMemoryLogs(): MemoryLogs {
  const files = new Map<string, { text: string }>();
  const openFile = (path: string): { text: string } => {
    const file = files.get(path) ?? { text: "" };
    files.set(path, file);
    return file;
  };
  return {
    async open({ path }) {
      let file: { text: string } | undefined = openFile(path);
      return {
        write(line) {
          if (file === undefined) throw new Error(`write log ${path}: it is closed`);
          file.text += line;
        },
        async reopen() {
          if (file === undefined) throw new Error(`reopen log ${path}: it is closed`);
          file = openFile(path);
        },
        close() {
          file = undefined;
        },
      };
    },
    read: (path) => files.get(path)?.text ?? "",
    rename(from, to) {
      const file = files.get(from);
      if (file === undefined) throw new Error(`rename log ${from}: there is none`);
      files.delete(from);
      files.set(to, file);
    },
  };
}
