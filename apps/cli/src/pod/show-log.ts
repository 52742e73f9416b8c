import { once } from "node:events";
import process from "node:process";
import { TextDecoder } from "node:util";
import type { LogStream } from "@keelson/cri-api/logs";
import type { LogLine } from "@keelson/cri-client/logs";
import { printable } from "../output/printable.ts";

/**
 * Passes a container's output on to this process's own stdout and stderr: byte for byte, but that a terminal gets no
 * control characters. Waits for a slow reader, until `stop` fires: from then on what it can't take is left out.
 */
export async function showLog(log: AsyncIterable<LogLine>, stop: AbortSignal): Promise<void> {
  const decoders: Readonly<Record<LogStream, TextDecoder>> = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  for await (const { stream, partial, bytes } of log) {
    const out = process[stream];
    if (out.destroyed || (stop.aborted && out.writableNeedDrain)) continue;
    const end = partial ? "" : "\n";
    const text = (): string => printable(decoders[stream].decode(bytes, { stream: partial }));
    const ready = out.write(out.isTTY === true ? text() + end : Buffer.concat([bytes, Buffer.from(end)]));
    // what ends the waiting ends the command too, or is told elsewhere
    if (!ready && !stop.aborted) await once(out, "drain", { signal: stop }).catch(() => undefined);
  }
}
