import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { internal } from "@keelson/cri-api/errors";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { type CriConnection, connectCri } from "@keelson/cri-client";
import { followLog } from "@keelson/cri-client/logs";
import { CleanupStack } from "@keelson/lifecycle";
import { bytes, shortId } from "../output/units.ts";
import { containerConfig, podConfig } from "../pod/pod-config.ts";
import { removePod } from "../pod/remove-pod.ts";
import { untilExited } from "../pod/until-exited.ts";
import type { DemoRuntime } from "./demo-runtime.ts";
import type { Story } from "./story.ts";

export interface OnePodOptions {
  readonly story: Story;
  readonly runtime: DemoRuntime;
  readonly logDirectory: string;
  /** Ends the story in its middle. */
  readonly signal: AbortSignal;
}

/** How long the visitor may take to find the page. */
const patienceMs = 20_000;

/** A pod of two containers, from the pull of their image to its removal. */
export async function onePod({ story, runtime, logDirectory, signal }: OnePodOptions): Promise<void> {
  const { image, programs } = runtime;
  await using cri = await connectCri({ runtimeEndpoint: runtime.endpoint });
  await story.stage("say hello", async () => {
    const answer = await cri.runtime.version({}, { signal });
    return `${answer.runtimeName} ${answer.runtimeVersion} answers, CRI ${cri.version}`;
  });

  story.chapter("A pod");
  const imageRef = await story.stage("pull the image", async (tell) => {
    const pulled = await cri.images.pullImage({ image: { image } }, { signal });
    const { image: found } = await cri.images.imageStatus({ image: { image } }, { signal });
    tell(`${bytes(found?.size ?? 0n)}, ${runtime.pulled}`);
    return pulled.imageRef;
  });
  const sandboxConfig = podConfig({ name: "demo", uid: randomUUID(), logDirectory, hostNetwork: false });
  await using pod = new CleanupStack();
  const podSandboxId = await story.stage("make the pod", async (tell) => {
    // not cut off: what was made has to be known to be removed
    const made = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    pod.defer("the pod", () => removePod(cri, made.podSandboxId));
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId: made.podSandboxId }, { signal });
    tell(`${shortId(made.podSandboxId)}, address ${status?.network?.ip || "none"}`);
    return made.podSandboxId;
  });
  const start = (name: "web" | "visitor"): Promise<string> =>
    story.stage(`start container ${name}`, async (tell) => {
      const { command, annotations, does } = programs[name];
      const config = containerConfig({ name, image, imageRef, command, annotations, hostNetwork: false });
      const { containerId } = await cri.runtime.createContainer({ podSandboxId, config, sandboxConfig }, { signal });
      await cri.runtime.startContainer({ containerId }, { signal });
      tell(does);
      return containerId;
    });
  const web = await start("web");
  const visitor = await start("visitor");

  story.chapter("A look at it");
  const log = (name: string, containerId: string): Promise<string> =>
    firstLine({ cri, file: join(logDirectory, `${name}.log`), containerId, signal });
  const said = await story.stage("wait for the visitor", async (tell) => {
    const lines = { visitor: await log("visitor", visitor), web: await log("web", web) };
    tell("got web's page over localhost; the logs:");
    return lines;
  });
  story.quote("visitor", said.visitor);
  story.quote("web", said.web);
  await story.stage("exec hostname in web", async () => {
    const answer = await cri.runtime.execSync({ containerId: web, cmd: ["hostname"], timeout: 10n }, { signal });
    return `says ${Buffer.from(answer.stdout).toString().trim()}, exit code ${answer.exitCode}`;
  });
  await story.stage("ask for status", async () => {
    const { status } = await cri.runtime.podSandboxStatus({ podSandboxId }, { signal });
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId } }, { signal });
    const running = containers.filter((one) => one.state === ContainerState.CONTAINER_RUNNING);
    const ready = status?.state === PodSandboxState.SANDBOX_READY;
    return `the pod is ${ready ? "ready" : "not ready"}, ${running.length} of ${containers.length} containers run`;
  });

  story.chapter("The end");
  await story.stage("stop container visitor", async () => {
    await cri.runtime.stopContainer({ containerId: visitor, timeout: 5n }, { signal });
    const { status } = await cri.runtime.containerStatus({ containerId: visitor }, { signal });
    return `exit code ${status?.exitCode}, ${status?.reason}`;
  });
  await story.stage("remove pod and image", async () => {
    await pod.close();
    await cri.images.removeImage({ image: { image } }, { signal });
    const { items } = await cri.runtime.listPodSandbox({}, { signal });
    const { containers } = await cri.runtime.listContainers({}, { signal });
    const { images } = await cri.images.listImages({}, { signal });
    const left = items.length + containers.length + images.length;
    if (left > 0) throw internal(`${left} pods, containers and images are left`);
    return "no pod, no container, no image is left";
  });
}

interface FirstLine {
  readonly cri: CriConnection;
  /** The container's log. */
  readonly file: string;
  readonly containerId: string;
  readonly signal: AbortSignal;
}

/** Waits for a container's first line of log. */
async function firstLine({ cri, file, containerId, signal }: FirstLine): Promise<string> {
  const end = new AbortController();
  const patience = AbortSignal.timeout(patienceMs);
  const exited = untilExited(cri, containerId, AbortSignal.any([signal, patience, end.signal]));
  try {
    for await (const { text } of followLog(file, { until: exited })) return text;
  } finally {
    end.abort();
  }
  signal.throwIfAborted();
  throw internal(
    patience.aborted
      ? `container ${shortId(containerId)} logged nothing in ${patienceMs / 1000} s`
      : `container ${shortId(containerId)} ended without a line of log`,
  );
}
