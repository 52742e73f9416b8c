import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ContainerState } from "@keelson/cri-api/v1";
import { connectCri } from "@keelson/cri-client";
import { CleanupStack } from "@keelson/lifecycle";
import { printableLine } from "../output/printable.ts";
import { bytes, shortId } from "../output/units.ts";
import { followLog } from "../pod/follow-log.ts";
import { containerConfig, podConfig } from "../pod/pod-config.ts";
import { untilExited } from "../pod/until-exited.ts";
import type { DemoRuntime } from "./demo-runtime.ts";
import { readLinuxFacts } from "./linux-facts.ts";
import { startLinuxRuntime } from "./linux-runtime.ts";
import { startSimulatedRuntime } from "./simulated-runtime.ts";
import { Story } from "./story.ts";
import { whySimulated } from "./why-simulated.ts";

/** Tells one pod's life, from an empty node to an empty node, on a runtime of its own. Leaves nothing behind. */
export async function demo(): Promise<void> {
  const story = new Story(process.stdout);
  const simulated = whySimulated(readLinuxFacts());
  story.title("One pod, two containers, from pull to removal");
  if (simulated !== undefined) story.warn(`SIMULATED: no container was started (${simulated})`);
  const interrupted = new AbortController();
  const onSignal = (): void => interrupted.abort(new Error("interrupted"));
  await using cleanup = new CleanupStack();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, onSignal);
    cleanup.defer(`listener for ${name}`, () => process.off(name, onSignal));
  }
  const folder = await mkdtemp(join(tmpdir(), "keelson-demo-"));
  cleanup.defer(`folder ${folder}`, () => rm(folder, { recursive: true, force: true }));
  const runtime = await (simulated === undefined ? startLinuxRuntime : startSimulatedRuntime)(folder, story);
  cleanup.defer("runtime", () => runtime.close());
  await onePod(story, runtime, join(folder, "logs"), interrupted.signal);
  await story.stage("the runtime stops", async () => {
    await cleanup.close();
    return "sockets, mounts, namespaces and files are gone";
  });
  story.end();
}

async function onePod(story: Story, runtime: DemoRuntime, logDirectory: string, signal: AbortSignal): Promise<void> {
  const { image } = runtime;
  await using cri = await connectCri({ runtimeEndpoint: runtime.endpoint });
  await story.stage("say hello", async () => {
    const answer = await cri.runtime.version({}, { signal });
    return `${answer.runtimeName} ${answer.runtimeVersion}, CRI ${cri.version}`;
  });
  const imageRef = await story.stage(`pull ${image}`, async (tell) => {
    const pulled = await cri.images.pullImage({ image: { image } }, { signal });
    const { image: found } = await cri.images.imageStatus({ image: { image } }, { signal });
    tell(`${bytes(found?.size ?? 0n)}, image ${shortId(found?.id ?? "")}, every digest verified`);
    return pulled.imageRef;
  });
  const sandboxConfig = podConfig({ name: "demo", uid: randomUUID(), logDirectory, hostNetwork: false });
  const podSandboxId = await story.stage("run the pod sandbox", async (tell) => {
    const made = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId: made.podSandboxId }, { signal });
    tell(`pod ${shortId(made.podSandboxId)} has address ${status?.network?.ip || "none"}`);
    return made.podSandboxId;
  });
  await using pod = new CleanupStack();
  let removed = false;
  const remove = async (): Promise<void> => {
    if (removed) return;
    await cri.runtime.stopPodSandbox({ podSandboxId });
    await cri.runtime.removePodSandbox({ podSandboxId });
    removed = true;
  };
  pod.defer("pod", remove);

  const start = (name: "web" | "visitor"): Promise<string> =>
    story.stage(`start container ${name}`, async (tell) => {
      const { command, annotations } = runtime.programs[name];
      const config = containerConfig({ name, image, imageRef, command, annotations, hostNetwork: false });
      const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, { signal });
      await cri.runtime.startContainer({ containerId }, { signal });
      tell(`container ${shortId(containerId)}`);
      return containerId;
    });
  const web = await start("web");
  const visitor = await start("visitor");

  await story.stage("the visitor reads the web server's page over localhost", async () => {
    const end = new AbortController();
    const either = AbortSignal.any([end.signal, signal]);
    try {
      for await (const entry of followLog(join(logDirectory, "visitor.log"), untilExited(cri, visitor, either))) {
        return `its log: ${printableLine(entry.text)}`;
      }
    } finally {
      end.abort();
    }
    throw new Error("the visitor ended without reading the page");
  });
  await story.stage("exec in container web", async () => {
    const answer = await cri.runtime.execSync({ containerId: web, cmd: ["hostname"], timeout: 10n }, { signal });
    return `hostname says ${printableLine(Buffer.from(answer.stdout).toString().trim())}, exit code ${answer.exitCode}`;
  });
  await story.stage("ask for status", async () => {
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId } }, { signal });
    const running = containers.filter((one) => one.state === ContainerState.CONTAINER_RUNNING);
    return `${running.length} of ${containers.length} containers run`;
  });
  await story.stage("stop container visitor", async () => {
    await cri.runtime.stopContainer({ containerId: visitor, timeout: 2n }, { signal });
    const { status } = await cri.runtime.containerStatus({ containerId: visitor }, { signal });
    return `exit code ${status?.exitCode}, ${status?.reason}`;
  });
  await story.stage("stop and remove the pod", async () => {
    await remove();
    await cri.images.removeImage({ image: { image } }, { signal });
    const { items } = await cri.runtime.listPodSandbox({}, { signal });
    const { containers } = await cri.runtime.listContainers({}, { signal });
    const { images } = await cri.images.listImages({}, { signal });
    const left = items.length + containers.length + images.length;
    if (left > 0) throw new Error(`${left} pods, containers and images are left`);
    return "no pod, no container, no image is left";
  });
}
