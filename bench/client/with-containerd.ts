import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { keepContainerdPlaces } from "../pod-network.ts";
import { startContainerd } from "../runtimes.ts";

export interface RunningContainerd {
  /** The absolute path of its socket. */
  readonly socket: string;
  /** As the program tells it. */
  readonly version: string;
}

/** Debian's containerd without pods, images and network, for as long as the task runs. @param binary its path */
export async function withContainerd(
  binary: string,
  task: (containerd: RunningContainerd) => Promise<void>,
): Promise<void> {
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
      await task({ socket: containerd.endpoint.replace("unix://", ""), version: containerd.version });
    } finally {
      await containerd.stop();
    }
  } finally {
    await rm(folder, { recursive: true });
    await forget();
  }
}
