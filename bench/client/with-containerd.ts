import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { interruption } from "../interruption.ts";
import { keepContainerdPlaces } from "../pod-network.ts";
import { startContainerd } from "../runtimes.ts";

export interface RunningContainerd {
  /** The absolute path of its socket. */
  readonly socket: string;
  /** As the program tells it. */
  readonly version: string;
}

/**
 * Debian's containerd without pods, images and network, for as long as the task runs; it is ended also after a failure, a
 * Ctrl-C and a SIGTERM. @param binary its path
 */
export async function withContainerd(
  binary: string,
  task: (containerd: RunningContainerd) => Promise<void>,
): Promise<void> {
  const interrupted = interruption();
  const forget = keepContainerdPlaces();
  const folder = await mkdtemp(join(tmpdir(), "keelson-bench-"));
  try {
    const empty = join(folder, "empty");
    const volatile = join(folder, "run");
    for (const place of [empty, volatile]) await mkdir(place);
    const containerd = await startContainerd(binary, {
      disk: folder,
      volatile,
      confDir: empty,
      certsDir: empty,
      pause: "none",
    });
    try {
      const socket = containerd.endpoint.replace("unix://", "");
      await Promise.race([task({ socket, version: containerd.version }), interrupted]);
    } finally {
      await containerd.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
    await forget();
  }
}
