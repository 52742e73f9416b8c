import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { type CriConnection, connectCri } from "../packages/cri-client/src/index.ts";

export interface DaemonOptions {
  readonly argv: readonly [string, ...string[]];
  readonly path: string;
  readonly endpoint: string;
  readonly logFile: string;
}

/** A runtime that answers. */
export interface Daemon {
  readonly pid: number;
  readonly cri: CriConnection;
  /** Where its output goes. */
  readonly logFile: string;
  /** The last lines of its log. */
  logEnd(): Promise<string>;
  /** Removes all pods and ends the runtime. Idempotent. */
  stop(): Promise<void>;
}

const startMs = 30_000;
const stopMs = 20_000;
const logLines = 10;

/** Starts a runtime and waits until its CRI answers. @throws with the end of its log, when it ended or stays silent */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const [file, ...args] = options.argv;
  const log = openSync(options.logFile, "a");
  const child = spawn(file, args, {
    stdio: ["ignore", log, log],
    detached: true, // a Ctrl-C is for whoever started it, who ends it in order
    env: { PATH: options.path, HOME: "/root" },
  });
  closeSync(log);
  const logEnd = async (): Promise<string> =>
    (await readFile(options.logFile, "utf8")).trimEnd().split("\n").slice(-logLines).join("\n");
  const ended = once(child, "close");
  try {
    const cri = await answering(options, child);
    let stopping: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopping ??= (async () => {
        try {
          await removePods(cri);
        } finally {
          cri.close();
          await end(child, ended);
        }
      })();
      return stopping;
    };
    return { pid: child.pid ?? 0, cri, logFile: options.logFile, logEnd, stop };
  } catch (cause) {
    await end(child, ended);
    throw new Error(`start ${basename(file)}:\n${await logEnd()}`, { cause });
  }
}

async function answering(options: DaemonOptions, child: ChildProcess): Promise<CriConnection> {
  const deadline = Date.now() + startMs;
  for (;;) {
    const connection = await connectCri({ runtimeEndpoint: options.endpoint }).catch((error: unknown) => error);
    if (!(connection instanceof Error)) return connection as CriConnection;
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > deadline) throw connection;
    await delay(50);
  }
}

/** So many pods are removed at once. */
const lanes = 4;

async function removePods(cri: CriConnection): Promise<void> {
  const pods = (await cri.runtime.listPodSandbox({})).items;
  const lane = async (): Promise<void> => {
    for (let pod = pods.pop(); pod !== undefined; pod = pods.pop()) {
      await cri.runtime.stopPodSandbox({ podSandboxId: pod.id });
      await cri.runtime.removePodSandbox({ podSandboxId: pod.id });
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}

async function end(child: ChildProcess, ended: Promise<unknown>): Promise<void> {
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await ended.catch(() => undefined); // never started: there is no end to wait for
  clearTimeout(timer);
}

/**
 * Kills what still runs with the folder in its command line, monitors and shims of pods that could not be removed, and
 * waits until nothing does: a shim ends some time after its pod.
 */
export async function endNaming(folder: string): Promise<void> {
  const deadline = Date.now() + stopMs;
  for (let patienceMs = 2_000; ; patienceMs -= 50) {
    const pids = await monitorsNaming(folder);
    if (pids.length === 0) return;
    if (Date.now() > deadline) throw new Error(`end the monitors of ${folder}: ${pids.join(", ")} still run`);
    if (patienceMs <= 0) for (const pid of pids) process.kill(pid, "SIGKILL");
    await delay(50);
  }
}

async function monitorsNaming(folder: string): Promise<readonly number[]> {
  const pids: number[] = [];
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => ""); // it has ended by itself
    if (/^(?:\S*\/)?(?:conmon|containerd-shim[^\0]*)\0/.test(command) && command.includes(folder))
      pids.push(Number(name));
  }
  return pids;
}
