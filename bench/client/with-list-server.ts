import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface ListServer {
  /** The absolute path of its socket. */
  readonly socket: string;
  /** The size of its answer to ListContainers. */
  readonly listBytes: number;
}

/** A process that answers ListContainers with 10,000 containers, for as long as the task runs. */
export async function withListServer<Result>(task: (server: ListServer) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "keelson-bench-"));
  const socket = join(folder, "cri.sock");
  const child = fork(fileURLToPath(new URL("./list-server.ts", import.meta.url)), [socket]);
  const ended = once(child, "exit");
  try {
    const failed = ended.then(([code]) => Promise.reject(new Error(`list-server.ts ended with ${String(code)}`)));
    const [listBytes] = (await Promise.race([once(child, "message"), failed])) as [number];
    return await task({ socket, listBytes });
  } finally {
    if (child.connected) child.disconnect();
    await ended;
    await rm(folder, { recursive: true });
  }
}
