import { invalidArgument, quote } from "./errors.ts";
import { parseLogTime, rfc3339Nano } from "./log-time.ts";

export { parseLogTime, rfc3339Nano };

/**
 * The CRI log format (Kubernetes design proposal "CRI: Log management for container stdout/stderr streams"): a line for
 * each piece of output, `TIME STREAM TAGS TEXT`. TIME is RFC 3339 with nanoseconds. TAGS are separated by `:`; the first
 * one is `F` for a whole line of output or its last part, `P` for a part after which the line goes on in the next entry
 * of the same stream. TEXT is what the container wrote, byte for byte: it need not be UTF-8, and a part may end within
 * a character.
 */
export type LogStream = "stdout" | "stderr";

/** What stands before the text of a line. */
export interface LogHead {
  /** As written: RFC 3339, in UTC (`Z`) or with an offset (containerd: `+01:00`). */
  readonly time: string;
  /** The same in nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly stream: LogStream;
  /** True when the line goes on in the next entry of the same stream. */
  readonly partial: boolean;
  /** The tags after `P` or `F`, of which Kubernetes knows none yet. */
  readonly tags: readonly string[];
}

/** An entry as text: for lines that were read as UTF-8. */
export interface LogEntry extends LogHead {
  readonly text: string;
}

/** An entry as bytes: exactly what the container wrote. */
export interface LogBytesEntry extends LogHead {
  /** A view of the line that was parsed, not a copy. */
  readonly bytes: Uint8Array;
}

/** What stands before the text of a line that is to be written. */
export interface NewLogHead {
  /** Nanoseconds since 1970. */
  readonly timeNs: bigint;
  readonly stream: LogStream;
  /** Default false: the line ends here. */
  readonly partial?: boolean;
  /** Tags after `P` or `F`, without `:` and white space. Default none. */
  readonly tags?: readonly string[];
}

/** A line's head, its spaces included, is at most this long; what is longer is no log line. */
export const maxLogHeadBytes = 256;

/**
 * Writes one entry with its line feed.
 * @throws INVALID_ARGUMENT for a text with a line feed, which would forge the next entry, and for tags that can't be told apart
 */
export function formatLogLine(entry: NewLogHead & { readonly text: string }): string {
  if (entry.text.includes("\n")) throw lineFeed();
  return `${formatHead(entry)}${entry.text}\n`;
}

/** Writes one entry with its line feed, the text byte for byte. Fails as formatLogLine() does. */
export function formatLogLineBytes(entry: NewLogHead & { readonly bytes: Uint8Array }): Uint8Array {
  if (entry.bytes.includes(lineFeedByte)) throw lineFeed();
  const head = new TextEncoder().encode(formatHead(entry));
  const line = new Uint8Array(head.length + entry.bytes.length + 1);
  line.set(head);
  line.set(entry.bytes, head.length);
  line[line.length - 1] = lineFeedByte;
  return line;
}

/**
 * Reads one line, without its line feed; undefined when it is not in the format. Stricter than the kubelet in one point:
 * it takes any word for the tag and so eats the first word of a foreign line.
 */
export function parseLogLine(line: string): LogEntry | undefined {
  const end = headEnd(line, " ");
  const head = end === undefined ? undefined : parseHead(line.slice(0, end));
  return head === undefined || end === undefined ? undefined : { ...head, text: line.slice(end + 1) };
}

/** Reads one line of bytes, without its line feed; undefined when it is not in the format. Never throws. */
export function parseLogLineBytes(line: Uint8Array): LogBytesEntry | undefined {
  const end = headEnd(line, spaceByte);
  const head = end === undefined ? undefined : parseHead(latin1(line, end));
  return head === undefined || end === undefined ? undefined : { ...head, bytes: line.subarray(end + 1) };
}

const spaceByte = 0x20;
const lineFeedByte = 0x0a;

/** Each byte as a character of its own: a head is ASCII, and another byte in it makes it none. */
function latin1(line: Uint8Array, end: number): string {
  let text = "";
  for (let at = 0; at < end; at++) text += String.fromCharCode(line[at] ?? 0);
  return text;
}

/** Where the third space stands, or the line's end after two; undefined when that is too far away. */
function headEnd<Item>(line: { indexOf(item: Item, from: number): number; length: number }, space: Item) {
  const first = line.indexOf(space, 0);
  const second = first <= 0 ? -1 : line.indexOf(space, first + 1);
  if (second < 0) return undefined;
  const third = line.indexOf(space, second + 1);
  const end = third < 0 ? line.length : third;
  return end < maxLogHeadBytes ? end : undefined;
}

function parseHead(head: string): LogHead | undefined {
  const [time = "", stream, tagList = ""] = head.split(" ");
  if (stream !== "stdout" && stream !== "stderr") return undefined;
  const [tag, ...tags] = tagList.length === 1 ? [tagList] : tagList.split(":");
  if (tag !== "P" && tag !== "F") return undefined;
  const timeNs = parseLogTime(time);
  return timeNs === undefined ? undefined : { time, timeNs, stream, partial: tag === "P", tags };
}

function formatHead({ timeNs, stream, partial, tags = [] }: NewLogHead): string {
  const bad = tags.find((tag) => !/^[^\s:]+$/u.test(tag));
  if (bad !== undefined) throw invalidArgument(`write a log line: ${quote(bad)} is no tag`);
  const head = `${rfc3339Nano(timeNs)} ${stream} ${[partial === true ? "P" : "F", ...tags].join(":")} `;
  if (head.length > maxLogHeadBytes) throw invalidArgument(`write a log line: its ${tags.length} tags are too long`);
  return head;
}

function lineFeed(): Error {
  return invalidArgument("write a log line: its text has a line feed", { hint: "write an entry for each line" });
}
