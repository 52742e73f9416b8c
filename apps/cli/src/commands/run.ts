import { randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { failedPrecondition } from "@keelson/cri-api/errors";
import type { ContainerStatus } from "@keelson/cri-api/v1";
import type { CriConnection } from "@keelson/cri-client";
import { followLog } from "@keelson/cri-client/logs";

import { CleanupStack } from "@keelson/lifecycle";
import { connect, type GlobalOptions } from "../endpoint.ts";
import { type Interrupts, unlessAborted, watchInterrupts } from "../interrupts.ts";
import { containerConfig, podConfig } from "../pod/pod-config.ts";
import { pullImage } from "../pod/pull-image.ts";
import { removePod } from "../pod/remove-pod.ts";
import { showLog } from "../pod/show-log.ts";
import { untilExited } from "../pod/until-exited.ts";
import { checkImageName } from "./check-image-name.ts";

export interface RunOptions extends GlobalOptions {
  readonly hostNetwork?: boolean;
}

/** What the container gets between its stop signal and its kill when this command is interrupted. */
const graceSeconds = 10n;

/**
 * Pulls an image, runs it as a pod of one container, shows its log, and removes the pod again, also when it is
 * interrupted. The image stays.
 * @returns the container's exit code; 128 + the signal's number when this process was told to end
 */
export async function run(image: string, command: readonly string[], options: RunOptions): Promise<number> {
  checkImageName(image);
  const interrupts = watchInterrupts();
  await using cleanup = new CleanupStack();
  cleanup.defer("the signals", () => interrupts[Symbol.dispose]());
  interrupts.stop.addEventListener("abort", () => process.stderr.write("\nkeelson: stopping (once more: at once)\n"));
  try {
    const { exitCode } = await runPod({ image, command, options, interrupts, cleanup });
    return interrupts.exitCode ?? exitCode;
  } catch (error) {
    if (interrupts.exitCode === undefined) throw error;
    // what fails then is what was cut off
    return interrupts.exitCode;
  }
}

interface Run {
  readonly image: string;
  readonly command: readonly string[];
  readonly options: RunOptions;
  readonly interrupts: Interrupts;
  readonly cleanup: CleanupStack;
}

async function runPod({ image, command, options, interrupts, cleanup }: Run): Promise<ContainerStatus> {
  const { stop, hurry } = interrupts;
  const hostNetwork = options.hostNetwork === true;
  const cri = await unlessAborted(connect(options), stop);
  cleanup.defer("the connection", () => cri.close());
  if (!hostNetwork) await requireNetwork(cri, stop);
  const imageRef = await pullImage(cri, image, stop);
  const logDirectory = await mkdtemp(join(tmpdir(), "keelson-run-"));
  cleanup.defer("the log folder", () => rm(logDirectory, { recursive: true, force: true }));
  const name = `run-${randomBytes(3).toString("hex")}`;
  const sandboxConfig = podConfig({ name, uid: randomUUID(), logDirectory, hostNetwork });
  // Not cut off at once: what was made has to be known to be removed.
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig }, { signal: hurry });
  cleanup.defer("the pod", () => removePod(cri, podSandboxId));
  const config = containerConfig({ name: "main", image, imageRef, command, hostNetwork });
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, { signal: stop });
  await cri.runtime.startContainer({ containerId }, { signal: stop });
  const exited = untilExited(cri, containerId, stopInOrder(cri, containerId, interrupts));
  // part for part: a prompt has no line feed
  const log = followLog(join(logDirectory, config.logPath), { until: exited, joinParts: false });
  await showLog(log, stop);
  const status = await exited;
  if (status.reason === "OOMKilled") process.stderr.write("keelson: the container ran out of memory and was killed\n");
  return status;
}

/**
 * Stops the container when this process is told to end.
 * @returns fires when there is nothing to wait for any more: in a hurry, or when the stop failed
 */
function stopInOrder(cri: CriConnection, containerId: string, { stop, hurry }: Interrupts): AbortSignal {
  const failed = new AbortController();
  const begin = (): void => {
    cri.runtime
      .stopContainer({ containerId, timeout: graceSeconds }, { signal: hurry })
      .catch((error: unknown) => failed.abort(error));
  };
  if (stop.aborted) begin();
  else stop.addEventListener("abort", begin, { once: true });
  return AbortSignal.any([hurry, failed.signal]);
}

async function requireNetwork(cri: CriConnection, signal: AbortSignal): Promise<void> {
  const { status } = await cri.runtime.status({}, { signal });
  const network = status?.conditions.find((condition) => condition.type === "NetworkReady");
  if (network?.status !== false) return;
  throw failedPrecondition(`the pod network is not ready: ${network.message}`, {
    hint: "put a CNI configuration there, or use the host's network with --host-network",
  });
}
