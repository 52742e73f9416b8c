import { expect, expectSuccess } from "../../assert/expect.ts";
import { type Case, defineCase } from "../../case.ts";

export const sameNameElsewhere: Case = defineCase({
  name: "containers of one name and attempt in two pods are two containers",
  cites: "runtime.v1 CreateContainer: the identity is the sandbox with the metadata",
  covers: ["ContainerMetadata.name", "CreateContainerRequest.pod_sandbox_id"],
  async run({ cri, pod, anotherPod }) {
    const other = anotherPod();
    const [mine, theirs] = [await pod.create({ name: "main" }), await other.create({ name: "main" })];
    expect(mine.id).not.toBe(theirs.id);
    await theirs.remove();
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toMatchObject([{ id: mine.id, podSandboxId: pod.id, metadata: { name: "main", attempt: 0 } }]);
  },
});

export const partsOfIdentity: Case = defineCase({
  name: "pods that differ in uid, namespace, name or attempt alone are different pods",
  cites: "runtime.v1 RunPodSandbox: its identity is the metadata (uid, namespace, name, attempt)",
  covers: [
    "PodSandboxMetadata.uid",
    "PodSandboxMetadata.namespace",
    "PodSandboxMetadata.name",
    "PodSandboxMetadata.attempt",
  ],
  async run({ cri, pod, anotherPod, unique }) {
    const ids = [await pod.run()];
    const { name = "", uid = "", namespace = "", attempt = 0 } = pod.config.metadata ?? {};
    const first = { name, uid, namespace, attempt };
    for (const change of [
      { uid: `${unique}-uid` },
      { namespace: `${unique}-ns` },
      { name: `${unique}-x` },
      { attempt: 9 },
    ]) {
      ids.push(await expectSuccess(anotherPod({ config: { metadata: { ...first, ...change } } }).run()));
    }
    expect(new Set(ids).size).toBe(5);
    const { items } = await cri.listPodSandbox({});
    const found = items.filter(({ id }) => ids.includes(id)).map(({ metadata }) => metadata);
    const written = found.map((one) => [one?.uid, one?.namespace, one?.name, one?.attempt].join(" "));
    expect(new Set(written).size).toBe(5);
  },
});

export const freeAfterRemoval: Case = defineCase({
  name: "a pod's identity is free again when the pod has been removed",
  cites: "runtime.v1 RemovePodSandbox: nothing of it is seen afterwards; RunPodSandbox: the identity is the metadata",
  covers: ["RemovePodSandboxRequest.pod_sandbox_id", "PodSandboxConfig.metadata"],
  async run({ cri, pod }) {
    const first = await pod.run();
    await pod.remove();
    const second = await expectSuccess(pod.runAnew());
    expect(second).not.toBe(first);
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => metadata?.uid === pod.config.metadata?.uid)).toMatchObject([{ id: second }]);
  },
});

export const freeAfterFailure: Case = defineCase({
  name: "the identity of a container whose create failed is free",
  cites: "runtime.v1 CreateContainer: AlreadyExists only when a container with this identity is there",
  covers: ["ContainerConfig.metadata", "ContainerConfig.image"],
  async run({ cri, pod, images }) {
    await pod.run();
    const failed = await pod.create({ name: "main", image: images.missing }).catch(() => undefined);
    expect(failed).toBeUndefined();
    const c = await expectSuccess(pod.create({ name: "main" }));
    const { containers } = await cri.listContainers({ filter: { podSandboxId: pod.id } });
    expect(containers).toMatchObject([{ id: c.id }]);
  },
});

export const podFreeAfterFailure: Case = defineCase({
  name: "the identity of a pod whose RunPodSandbox failed is free",
  cites: "runtime.v1 RunPodSandbox: a create that failed leaves nothing behind",
  covers: ["PodSandboxConfig.metadata", "RunPodSandboxRequest.runtime_handler"],
  async run({ cri, pod }) {
    const config = pod.config;
    const failed = await cri
      .runPodSandbox({ config, runtimeHandler: "there-is-no-such-handler" })
      .catch(() => undefined);
    expect(failed).toBeUndefined();
    const id = await expectSuccess(pod.run());
    const { items } = await cri.listPodSandbox({});
    expect(items.filter(({ metadata }) => metadata?.uid === config.metadata?.uid)).toMatchObject([{ id }]);
  },
});
