import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";

/** Another process that listens. */
export interface Peer {
  /** Kills it, as a crash would. Idempotent. */
  kill(): Promise<void>;
}

export type NoRuntime = "web-server" | "old-web-server" | "silent" | "garbage" | "resets" | "hangup";

/** What each test of a file gets: a folder and peers of its own, gone after it. */
export interface Peers {
  /** The path of the socket where peers listen. */
  readonly socket: string;
  readonly folder: string;
  /** A small runtime: see peers/runtime.ts. */
  runtime(options?: { readonly socket?: string; readonly args?: readonly string[] }): Promise<Peer>;
  noRuntime(kind: NoRuntime): Promise<Peer>;
}

export function usePeers(): Peers {
  let folder = "";
  const running = new Set<Peer>();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "keelson-runtimes-"));
  });
  afterEach(async () => {
    for (const peer of running) await peer.kill();
    running.clear();
    await rm(folder, { recursive: true });
  });
  const start = async (program: string, args: readonly string[]): Promise<Peer> => {
    const peer = await startPeer(program, args);
    running.add(peer);
    return peer;
  };
  return {
    get folder() {
      return folder;
    },
    get socket() {
      return join(folder, "cri.sock");
    },
    runtime: (options = {}) =>
      start("runtime.ts", [options.socket ?? join(folder, "cri.sock"), ...(options.args ?? [])]),
    noRuntime: (kind) => start("no-runtime.ts", [join(folder, "cri.sock"), kind]),
  };
}

async function startPeer(program: string, args: readonly string[]): Promise<Peer> {
  const node = process.env.KEELSON_PEER_NODE;
  if (node === undefined) throw new Error("KEELSON_PEER_NODE is not set: run the suite by `npm run test:runtimes`");
  const file = fileURLToPath(new URL(`./peers/${program}`, import.meta.url));
  const child = spawn(node, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await listening(child, program);
  return {
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function listening(child: ChildProcess, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    let complaint = "";
    child.stdout?.on("data", (chunk: Uint8Array) => {
      said += String(chunk);
      if (said.includes("listening\n")) resolve();
    });
    child.stderr?.on("data", (chunk: Uint8Array) => {
      complaint += String(chunk);
    });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`start ${program}: it ended: ${complaint}`)));
  });
}
