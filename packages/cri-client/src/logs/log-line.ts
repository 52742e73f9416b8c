import type { LogStream } from "@keelson/cri-api/logs";

/** A line that a container wrote, or a marked part of one. */
export interface LogLine {
  /** When it was written, in nanoseconds since 1970; of joined parts that of the first one. */
  readonly timeNs: bigint;
  readonly stream: LogStream;
  /** True when the line goes on in the next one of the same stream, or its end was not written when following ended. */
  readonly partial: boolean;
  /** Byte for byte, without the line feed: it need not be UTF-8, and a part may end within a character. */
  readonly bytes: Uint8Array;
  /** The same as text; what is not UTF-8 is replaced by U+FFFD. */
  readonly text: string;
}

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

type LogLineInit = Omit<LogLine, "text">;

/** Decodes the text when it is asked for. */
class DecodedLine implements LogLine {
  readonly timeNs: bigint;
  readonly stream: LogStream;
  readonly partial: boolean;
  readonly bytes: Uint8Array;

  constructor({ timeNs, stream, partial, bytes }: LogLineInit) {
    this.timeNs = timeNs;
    this.stream = stream;
    this.partial = partial;
    this.bytes = bytes;
  }

  get text(): string {
    return decoder.decode(this.bytes);
  }
}

export function createLogLine(init: LogLineInit): LogLine {
  return new DecodedLine(init);
}
