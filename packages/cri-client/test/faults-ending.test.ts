import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MortalRuntime, startMortalRuntime } from "./start-mortal-runtime.ts";

let folder: string;
let socket: string;
/** For the programs that leave it alive. */
let runtime: MortalRuntime;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "keelson-faults-"));
  socket = join(folder, "cri.sock");
  runtime = await startMortalRuntime(socket);
});
afterAll(async () => {
  await runtime.kill();
  await rm(folder, { recursive: true });
});

const beforeConnecting = `
  import { writeSync } from "node:fs";
  const [client, socket, pid] = process.argv.slice(1);
  const { connectCri } = await import(client);
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const told = [];
  const tell = (error) => told.push(error.code);
`;
const begin = `${beforeConnecting}
  const cri = await connectCri({ runtimeEndpoint: socket });
  const until = async (name) => { while (cri.state.runtime.name !== name) await tick(); };
`;
const end = `
  cri.close();
  const soon = performance.now() + 1000;
  let left;
  do {
    await tick();
    left = process.getActiveResourcesInfo();
  } while (left.length > 0 && performance.now() < soon);
  process.on("exit", () => writeSync(1, JSON.stringify({ told, left })));
`;

/** Runs to its own end. It has no pipe for its input and its errors: those are handles like a connection. */
async function run(script: string, endpoint: string = socket, pid?: number): Promise<unknown> {
  const client = import.meta.resolve("@keelson/cri-client");
  const args = ["--input-type=module", "--eval", script, client, endpoint, `${pid}`];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"], timeout: 20_000 });
  return JSON.parse(await text(child.stdout));
}

describe("after close() nothing is left that keeps the process alive:", () => {
  const next = "[Symbol.asyncIterator]().next().catch(tell); await tick();";
  it.each([
    ["of an idle connection", "await cri.runtime.version({});", []],
    ["of a call in flight", "cri.runtime.status({}).catch(tell); await tick();", ["CANCELED"]],
    ["of a call without a deadline", "cri.images.pullImage({}).catch(tell); await tick();", ["CANCELED"]],
    ["of a call that is about to go out", "cri.runtime.status({}).catch(tell);", ["CANCELED"]],
    ["of an open stream", `cri.runtime.getContainerEvents({})${next}`, ["CANCELED"]],
    ["of a list", `cri.lists.containers()${next}`, ["CANCELED"]],
    ["of events that are followed", `cri.containerEvents()${next}`, ["CANCELED"]],
    ["of a negotiation", "cri.renegotiate().catch(tell);", ["CANCELED"]],
  ] as const)("%s", async (_, body, told) => {
    expect(await run(`${begin}${body}${end}`)).toEqual({ told, left: [] });
  });

  it.each([
    ["of a connection that is lost", "", []],
    [
      "of a call that waits for the runtime",
      "cri.runtime.version({}, { waitForReady: true }).catch(tell); await tick();",
      ["CANCELED"],
    ],
  ] as const)("%s", async (_, body, told) => {
    const endpoint = join(folder, "killed.sock");
    const killed = await startMortalRuntime(endpoint);
    try {
      const kill = `process.kill(Number(pid), "SIGKILL"); await until("redialing");`;
      expect(await run(`${begin}${kill}${body}${end}`, endpoint, killed.pid)).toEqual({ told, left: [] });
    } finally {
      await killed.kill();
      await rm(endpoint, { force: true });
    }
  });

  it("of a connection that was never made", async () => {
    const endpoint = join(folder, "silent.sock");
    const peer = net.createServer();
    peer.listen(endpoint);
    await once(peer, "listening");
    try {
      const connect =
        "await connectCri({ runtimeEndpoint: socket, timeoutMs: 50 }).catch(tell); const cri = { close() {} };";
      expect(await run(`${beforeConnecting}${connect}${end}`, endpoint)).toEqual({
        told: ["DEADLINE_EXCEEDED"],
        left: [],
      });
    } finally {
      peer.close();
    }
  });
});
