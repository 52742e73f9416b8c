/**
 * The CRI log format (Kubernetes design proposal "kubelet CRI logging"): one line per chunk,
 * `TIMESTAMP STREAM TAG TEXT`, where TAG is `F` for a whole line (or its last part) and `P` for a part.
 */
export type LogStream = "stdout" | "stderr";

export interface LogEntry {
  /** RFC 3339 with nanoseconds, as written. */
  readonly time: string;
  readonly stream: LogStream;
  /** True when the line goes on in the next entry of the same stream. */
  readonly partial: boolean;
  readonly text: string;
}

/** Writes one entry with its line feed. `text` holds no line feed; `timeNs` counts from 1970. */
export function formatLogLine(entry: { timeNs: bigint; stream: LogStream; partial?: boolean; text: string }): string {
  return `${rfc3339Nano(entry.timeNs)} ${entry.stream} ${entry.partial === true ? "P" : "F"} ${entry.text}\n`;
}

/** Reads one line, without its line feed; undefined when it is not in the format. */
export function parseLogLine(line: string): LogEntry | undefined {
  const first = line.indexOf(" ");
  const second = line.indexOf(" ", first + 1);
  if (first <= 0 || second < 0) return undefined;
  const third = line.indexOf(" ", second + 1);
  const stream = line.slice(first + 1, second);
  const tags = line.slice(second + 1, third < 0 ? undefined : third);
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const tag = tags.split(":", 1)[0];
  if (tag !== "P" && tag !== "F") return undefined;
  return { time: line.slice(0, first), stream, partial: tag === "P", text: third < 0 ? "" : line.slice(third + 1) };
}

/** RFC 3339 in UTC with nine digits: `2026-11-24T17:35:20.000000001Z`. */
export function rfc3339Nano(timeNs: bigint): string {
  const seconds = new Date(Number(timeNs / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${(timeNs % 1_000_000_000n).toString().padStart(9, "0")}Z`;
}
