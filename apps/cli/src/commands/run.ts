import { randomBytes, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { failedPrecondition } from "@keelson/cri-api/errors";
import type { CriConnection } from "@keelson/cri-client";
import { CleanupStack } from "@keelson/lifecycle";
import { connect, type GlobalOptions } from "../endpoint.ts";
import { elapsed } from "../output/elapsed.ts";
import { printable, printableLine } from "../output/printable.ts";
import { followLog } from "../pod/follow-log.ts";
import { containerConfig, podConfig } from "../pod/pod-config.ts";
import { untilExited } from "../pod/until-exited.ts";

export interface RunOptions extends GlobalOptions {
  readonly hostNetwork?: boolean;
}

/**
 * Pulls an image, runs it as a pod of one container, shows its log, and removes everything again, also when it is
 * interrupted.
 * @returns the container's exit code; 128 + the signal's number when this process was told to end
 */
export async function run(image: string, command: readonly string[], options: RunOptions): Promise<number> {
  const hostNetwork = options.hostNetwork === true;
  const interrupt = new AbortController();
  let interruptedBy: "SIGINT" | "SIGTERM" | undefined;
  const onSignal = (name: "SIGINT" | "SIGTERM"): void => {
    interruptedBy ??= name;
    interrupt.abort();
  };
  await using cleanup = new CleanupStack();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, onSignal);
    cleanup.defer(`listener for ${name}`, () => process.off(name, onSignal));
  }
  const signal = interrupt.signal;
  try {
    const cri = await connect(options);
    cleanup.defer("connection", () => cri.close());
    if (!hostNetwork) await requireNetwork(cri, signal);
    const { imageRef } = await elapsed(`pull ${printableLine(image)}`, () =>
      cri.images.pullImage({ image: { image } }, { signal }),
    );
    const logDirectory = await mkdtemp(join(tmpdir(), "keelson-run-"));
    cleanup.defer(`log folder ${logDirectory}`, () => rm(logDirectory, { recursive: true, force: true }));
    const sandboxConfig = podConfig({
      name: `run-${randomBytes(3).toString("hex")}`,
      uid: randomUUID(),
      logDirectory,
      hostNetwork,
    });
    // The making of the pod is not cut off by a signal: what was made has to be known to be removed.
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    cleanup.defer(`pod ${podSandboxId}`, async () => {
      await cri.runtime.stopPodSandbox({ podSandboxId });
      await cri.runtime.removePodSandbox({ podSandboxId });
    });
    signal.throwIfAborted();
    await mkdir(logDirectory, { recursive: true });
    const config = containerConfig({ name: "main", image, imageRef, command, hostNetwork });
    const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig });
    await cri.runtime.startContainer({ containerId }, { signal });
    const exited = untilExited(cri, containerId, signal);
    for await (const entry of followLog(join(logDirectory, config.logPath), exited)) show(entry);
    return (await exited).exitCode;
  } catch (error) {
    if (interruptedBy !== undefined) return interruptedBy === "SIGINT" ? 130 : 143;
    throw error;
  }
}

function show(entry: { stream: "stdout" | "stderr"; text: string; partial: boolean }): void {
  const out = entry.stream === "stdout" ? process.stdout : process.stderr;
  out.write(`${out.isTTY === true ? printable(entry.text) : entry.text}${entry.partial ? "" : "\n"}`);
}

async function requireNetwork(cri: CriConnection, signal: AbortSignal): Promise<void> {
  const { status } = await cri.runtime.status({}, { signal });
  const network = status?.conditions.find((condition) => condition.type === "NetworkReady");
  if (network?.status !== false) return;
  throw failedPrecondition(`the pod network is not ready: ${network.message}`, {
    hint: "put a CNI configuration there, or use the host's network with --host-network",
  });
}
