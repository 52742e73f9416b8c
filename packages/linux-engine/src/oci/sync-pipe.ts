import { Socket } from "node:net";
import { deadlineExceeded } from "@keelson/cri-api/errors";

const capBytes = 64 * 1024;

/** One message of conmon's sync pipe: the container's pid or a command's exit code; negative when the runtime failed. */
export interface SyncMessage {
  readonly value: number;
  readonly message: string;
}

/**
 * Reads the one line that conmon writes to its sync pipe and closes `fd`. Undefined when conmon ended without writing
 * (it then could not even say that the runtime failed).
 * @throws DEADLINE_EXCEEDED; the signal's reason
 */
export async function readSyncMessage(
  fd: number,
  options: { readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<SyncMessage | undefined> {
  const socket = new Socket({ fd, readable: true, writable: false });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const onAbort = (): void => reject(options.signal?.reason);
  const timer = setTimeout(
    () => reject(deadlineExceeded(`wait for conmon: it said nothing for ${options.deadlineMs} ms`)),
    options.deadlineMs,
  );
  options.signal?.addEventListener("abort", onAbort, { once: true });
  let bytes = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk]).subarray(0, capBytes);
    if (bytes.includes(0x0a) || bytes.length === capBytes) resolve(bytes.toString("utf8"));
  });
  socket.on("error", reject);
  socket.on("close", () => resolve(bytes.toString("utf8")));
  try {
    if (options.signal?.aborted === true) onAbort();
    const text = await promise;
    return text === "" ? undefined : parseSyncMessage(text);
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

/** `{"pid": 12}`, `{"exit_code": 3}`, `{"pid": -1, "message": "…"}`; conmon's own JSON does not escape every byte. */
export function parseSyncMessage(line: string): SyncMessage {
  const number = line.match(/^\{"(?:pid|exit_code|data)": (-?\d{1,10})(?!\d)/)?.[1];
  if (number === undefined) throw new Error(`conmon wrote ${JSON.stringify(line.slice(0, 200))} to the sync pipe`);
  const quoted = line.match(/"message": "((?:[^"\\]|\\.)*)/)?.[1];
  return { value: Number(number), message: quoted === undefined ? "" : unescapeMessage(quoted) };
}

function unescapeMessage(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.))/g, (_, hex: string | undefined, one: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
    return { n: "\n", t: "\t", r: "\r", b: "\b" }[one ?? ""] ?? one ?? "";
  });
}
