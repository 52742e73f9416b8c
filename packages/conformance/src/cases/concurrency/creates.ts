import { mkdir } from "node:fs/promises";
import { isCriError } from "@keelson/cri-api/errors";
import { ContainerState, PodSandboxState } from "@keelson/cri-api/v1";
import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const podsSideBySide: Case = defineCase({
  name: "pods that are asked for at one moment get an ID each, and all are READY",
  cites: "containerd internal/cri: RunPodSandbox holds no lock over another pod",
  covers: ["RunPodSandboxResponse.pod_sandbox_id"],
  async run({ cri, anotherPod, unique }) {
    const pods = Array.from({ length: 4 }, () => anotherPod({ config: { labels: { unique } } }));
    const ids = await Promise.all(pods.map((pod) => pod.run()));
    expect(new Set(ids).size).toBe(pods.length);
    const { items } = await cri.listPodSandbox({ filter: { labelSelector: { unique } } });
    expect(items.map(({ id }) => id).sort()).toEqual(ids.toSorted());
    expect(items.every(({ state }) => state === PodSandboxState.SANDBOX_READY)).toBe(true);
  },
});

export const containersSideBySide: Case = defineCase({
  name: "containers that are created and started in one pod at one moment all run",
  cites: "containerd internal/cri: CreateContainer and StartContainer hold no lock over another container",
  covers: ["CreateContainerResponse.container_id", "ContainerStatus.state"],
  async run({ pod }) {
    await pod.run();
    const all = await Promise.all(Array.from({ length: 4 }, () => pod.start()));
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    for (const c of all) expect((await c.status()).state).toBe(ContainerState.CONTAINER_RUNNING);
  },
});

export const oneIdentityOnePod: Case = defineCase({
  name: "of RunPodSandbox calls with one identity at one moment only one sandbox comes",
  cites: "runtime.v1 RunPodSandbox: two sandboxes never share an identity",
  covers: ["PodSandboxConfig.metadata"],
  async run({ cri, pod }) {
    const answers = await Promise.allSettled([pod.runAnew(), pod.runAnew(), pod.runAnew()]);
    const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
    expect(new Set(ids).size).toBe(1);
    const { items } = await cri.listPodSandbox({});
    const uid = pod.config.metadata?.uid;
    expect(items.filter(({ metadata }) => metadata?.uid === uid).map(({ id }) => id)).toEqual(ids.slice(0, 1));
  },
});

export const oneIdentityOneContainer: Case = defineCase({
  name: "of CreateContainer calls with one identity at one moment only one container comes",
  cites: "runtime.v1 CreateContainer: the identity is the sandbox with name and attempt",
  covers: ["ContainerConfig.metadata"],
  async run({ cri, pod }) {
    await pod.run();
    const create = () => pod.create({ name: "main" });
    const answers = await Promise.allSettled([create(), create(), create()]);
    const ids = answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value.id] : []));
    expect(new Set(ids).size).toBe(1);
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers.map(({ id }) => id)).toEqual(ids.slice(0, 1));
  },
});

export const retryAfterTimeout: Case = defineCase({
  name: "RunPodSandbox that the caller gave up on is answered when it is asked for again",
  cites: "runtime.v1 RunPodSandbox: after a timeout the kubelet asks again with the same identity; kubernetes#107561",
  covers: ["PodSandboxConfig.metadata", "RunPodSandboxResponse.pod_sandbox_id"],
  async run({ cri, until, anotherPod }) {
    await anotherPod().run();
    let pod = anotherPod();
    const retried = async (): Promise<string> => {
      const given = new AbortController();
      await mkdir(pod.config.logDirectory, { recursive: true });
      const first = cri.runPodSandbox({ config: pod.config }, { signal: given.signal }).then(
        () => true,
        () => false,
      );
      await cri.version({}); // the first is on its way
      given.abort();
      if (await first) return "";
      return await until("the retry is answered", () => pod.runAnew().catch(stillReserved), { withinMs: 20_000 });
    };
    let id = await retried();
    // an answer may be on its way before its caller gives up
    for (let count = 0; id === "" && count < 5; count++) {
      pod = anotherPod();
      id = await retried();
    }
    expect((await expectSuccess(cri.podSandboxStatus({ podSandboxId: id }))).status?.state).toBe(
      PodSandboxState.SANDBOX_READY,
    );
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => metadata?.uid === pod.config.metadata?.uid)).toHaveLength(1);
  },
});

/** What others answer while the first call is still under way; "" when it was answered after all. */
function stillReserved(error: unknown): "" | undefined {
  if (isCriError(error) && /reserved|already exists/i.test(error.message)) return undefined;
  if (isCriError(error, "ALREADY_EXISTS")) return "";
  throw error;
}
