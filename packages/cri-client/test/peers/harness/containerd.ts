// One containerd process: its configuration, its start, its end. Its shims outlive it, as they do under systemd.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Peer } from "./peers.ts";
import { until } from "./until.ts";

export interface ContainerdOptions {
  readonly peer: Peer;
  readonly socket: string;
  /** Holds its root, state, configuration and log. */
  readonly folder: string;
  /** The image of pause containers. */
  readonly pauseImage: string;
  /** False: its CRI plugin is switched off. */
  readonly cri: boolean;
}

export interface Containerd {
  readonly peer: Peer;
  readonly pid: number;
  /** The end of its log. */
  logEnd(): Promise<string>;
  /** Ends the process and waits for its end; containers go on. Idempotent. */
  stop(signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
}

const startMs = 30_000;

/** Starts it and waits until it listens; its CRI may need some more milliseconds until it answers everything. */
export async function startContainerd(options: ContainerdOptions): Promise<Containerd> {
  const { peer, folder } = options;
  await mkdir(join(folder, "net.d"), { recursive: true });
  const config = join(folder, "config.toml");
  await writeFile(config, configuration(options));
  const logFile = join(folder, "log");
  const log = openSync(logFile, "w");
  const child = spawn(peer.program, ["--config", config], {
    stdio: ["ignore", log, log],
    env: { PATH: `${dirname(peer.program)}:/usr/sbin:/usr/bin:/sbin:/bin`, HOME: "/root" },
  });
  closeSync(log);
  const ended = once(child, "exit");
  const logEnd = async (): Promise<string> => (await readFile(logFile, "utf8")).split("\n").slice(-15).join("\n");
  const stop = async (signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  try {
    await until(`containerd of ${peer.suite} listens`, startMs, async () => {
      if (hasEnded(child)) throw new Error("it has ended");
      return (await readFile(logFile, "utf8")).includes("containerd successfully booted");
    });
    return { peer, pid: child.pid ?? 0, logEnd, stop };
  } catch (cause) {
    await stop("SIGKILL").catch(() => undefined); // never started: there is no end to wait for
    throw new Error(`start containerd of ${peer.suite}:\n${await logEnd()}`, { cause });
  }
}

const hasEnded = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** One text for all generations: newer ones translate it, and what a generation does not know it leaves alone. */
function configuration({ socket, folder, pauseImage, cri }: ContainerdOptions): string {
  const off = ["btrfs", "zfs", "devmapper"].map((name) => `io.containerd.snapshotter.v1.${name}`);
  if (!cri) off.push("io.containerd.grpc.v1.cri");
  return `version = 2
root = ${quote(join(folder, "root"))}
state = ${quote(join(folder, "state"))}
disabled_plugins = ${JSON.stringify(off)}
[grpc]
address = ${quote(socket)}
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = ${quote(pauseImage)}
disable_tcp_service = true
stream_server_port = "0"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = ${quote(join(folder, "net.d"))}
[plugins."io.containerd.nri.v1.nri"]
disable = true
[plugins."io.containerd.internal.v1.opt"]
path = ${quote(join(folder, "opt"))}
`;
}

/** TOML's basic strings are written as JSON's. */
const quote = (text: string): string => JSON.stringify(text);
