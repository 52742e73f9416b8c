import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { isCriError } from "@keelson/cri-api/errors";
import type { CriConnection } from "@keelson/cri-client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { linuxGate } from "../../../scripts/linux-gate.ts";
import { containerConfig, logFolder, podConfig } from "./harness/pods.ts";
import { startReadyNode } from "./harness/ready-node.ts";
import type { TestNode } from "./harness/start-node.ts";
import { traces, untilAsBefore } from "./harness/traces.ts";

const run = promisify(execFile);
/** How many descriptors are left: none, or so few that one of the next steps fails. */
const free = [0, 2, 5];

describe.skipIf(linuxGate.skip)("keelsond that can open nothing more", () => {
  let node: TestNode;
  let cri: CriConnection;
  let image: string;
  beforeAll(async () => {
    ({ node, image } = await startReadyNode());
    cri = await node.connect();
    for (const call of life().values()) await call();
    // the first start tries the OCI runtimes, and leaves a folder
    await node.stop();
    await node.start();
    for (const call of life().values()) await call();
  }, 60_000);
  afterAll(async () => {
    cri.close();
    await node.close();
  }, 60_000);

  /** The life of a pod, call by call. */
  function life(): ReadonlyMap<string, () => Promise<unknown>> {
    const { runtime } = cri;
    const config = podConfig({ logDirectory: logFolder(node.folder) });
    let podSandboxId = "";
    let containerId = "";
    return new Map<string, () => Promise<unknown>>([
      ["RunPodSandbox", async () => ({ podSandboxId } = await runtime.runPodSandbox({ config }))],
      [
        "CreateContainer",
        async () => {
          ({ containerId } = await runtime.createContainer({ podSandboxId, config: containerConfig({ image }) }));
        },
      ],
      ["StartContainer", () => runtime.startContainer({ containerId })],
      ["ContainerStatus", () => runtime.containerStatus({ containerId, verbose: true })],
      ["ExecSync", () => runtime.execSync({ containerId, cmd: ["true"] })],
      ["ListContainerStats", () => runtime.listContainerStats({})],
      ["StopContainer", () => runtime.stopContainer({ containerId, timeout: 0n })],
      ["StopPodSandbox", () => runtime.stopPodSandbox({ podSandboxId })],
      ["RemovePodSandbox", () => runtime.removePodSandbox({ podSandboxId })],
    ]);
  }

  /** The limit below which so many numbers of descriptors are free. */
  async function limitThatLeaves(more: number): Promise<number> {
    const taken = new Set((await readdir(`/proc/${node.pid}/fd`)).map(Number));
    let number = 0;
    for (let left = more; taken.has(number) || left-- > 0; ) number++;
    return number;
  }

  const limit = (open: number | string) => run("prlimit", ["--pid", String(node.pid), `--nofile=${open}:`]);

  it("T12.05: fails the call that it can't do, whichever it is, and goes on", { timeout: 120_000 }, async () => {
    const { pid } = node;
    const before = await traces(node);
    const { stdout } = await run("prlimit", ["--pid", String(pid), "--nofile", "--noheadings", "--output", "SOFT"]);
    const failed = new Map<string, string[]>();
    for (const scarce of life().keys()) {
      for (const more of free) {
        for (const [name, call] of life()) {
          if (name !== scarce) {
            await call();
            continue;
          }
          await limit(await limitThatLeaves(more));
          const error = await call().then(
            () => undefined,
            (reason: unknown) => reason,
          );
          await limit(stdout.trim());
          if (error === undefined) continue;
          expect([name, isCriError(error), error]).toEqual([name, true, error]);
          expect(error).not.toMatchObject({ code: "UNAVAILABLE" });
          failed.set(name, [...(failed.get(name) ?? []), String(error)]);
          break;
        }
        for (const { id } of (await cri.runtime.listPodSandbox({})).items) {
          await cri.runtime.removePodSandbox({ podSandboxId: id });
        }
        expect(node.pid).toBe(pid);
      }
    }
    // these can't do without a descriptor
    for (const name of ["RunPodSandbox", "CreateContainer", "StartContainer", "ExecSync"]) {
      expect([name, failed.get(name)?.length]).not.toEqual([name, undefined]);
    }
    for (const call of life().values()) await call();
    // what could not be removed for want of a descriptor goes with the next start
    await node.stop();
    await node.start();
    await untilAsBefore(node, before);
    expect(node.log.filter((line) => line.includes("nobody handled"))).toEqual([]);
  });
});
